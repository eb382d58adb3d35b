"""Song to canonical token ids and back, lossless on the codec's grid."""
