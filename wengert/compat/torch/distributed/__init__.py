"""Parts of ``torch.distributed`` that packages import beside those that `wengert.distributed` answers for."""
