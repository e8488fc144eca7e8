"""``torch.distributed.elastic``: names that programs import; the launcher is `wengert launch`."""
