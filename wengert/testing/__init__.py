"""What tests of wengert, and of programs that use it, are made of."""
