"""What comes in at home without a radio: typed readings and spirometry documents."""
