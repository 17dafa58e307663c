"""Text2Reward's six locomotion skills, with predicates that tell when one was shown."""
