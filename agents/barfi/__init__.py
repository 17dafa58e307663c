"""BARFI: learns what to pay the inner learner, so that it does well by the primary reward."""
