"""What all tests share: fake stages get the variables that steer them."""

import os

os.environ["TEMPER_STAGE_ENV"] = "FAKE_*"
