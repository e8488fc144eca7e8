"""`wengert demo`: what automatic differentiation is, taught on one small graph and one hundred flowers.

`lesson` tells the story; `function_graph` reads the tape, `iris` brings the flowers, `adaline` holds the three models
and `plots` draws. The package uses wengert as any user would, through its public names, and nothing imports it but
the command line. It needs matplotlib and tqdm, the extra `wengert[demo]`.
"""
