"""What every room uses: the configuration, arrays in and out, the values of token types."""
