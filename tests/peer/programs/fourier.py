"""torch.fft and complex numbers: spectra, convolution by FFT with gradients, an FNO-like layer, stft, windows."""

import torch
import torch.fft
import torch.nn as nn

torch.manual_seed(6)
t = torch.arange(16) / 16
signal = torch.sin(2 * torch.pi * 3 * t) + 0.5 * torch.cos(2 * torch.pi * 5 * t)
spectrum = torch.fft.rfft(signal)
print(spectrum.abs(), torch.fft.rfftfreq(16, 1 / 16)[spectrum.abs().topk(2).indices], spectrum.dtype)
print(torch.fft.irfft(spectrum, n=16) - signal < 1e-6, torch.fft.fft(signal)[:4], torch.fft.fftfreq(6), torch.fft.fftshift(torch.arange(5)))
print(torch.fft.fft(torch.arange(4.0), norm="ortho"), torch.fft.ifft(torch.tensor([1.0, 2j, 3.0])), torch.fft.fft(torch.ones(3), n=5))
image = torch.randn(2, 6, 8, requires_grad=True)
F2 = torch.fft.rfft2(image)
print(F2.shape, torch.fft.fft2(image).abs().sum(), torch.fft.irfft2(F2, s=(6, 8)).sub(image).abs().max() < 1e-5, torch.fft.fftn(image).shape)
(F2.abs() ** 2).sum().backward()
print(image.grad.norm(), image.grad[0, 0])
a, b = torch.randn(10, requires_grad=True), torch.randn(7, requires_grad=True)
n = 16
conv = torch.fft.irfft(torch.fft.rfft(a, n) * torch.fft.rfft(b, n), n)
conv.square().sum().backward()
print(conv, a.grad, b.grad)


class SpectralConv1d(nn.Module):
    def __init__(self, in_channels, out_channels, modes1):
        super(SpectralConv1d, self).__init__()
        self.in_channels, self.out_channels, self.modes1 = in_channels, out_channels, modes1
        self.scale = 1 / (in_channels * out_channels)
        self.weights1 = nn.Parameter(self.scale * torch.rand(in_channels, out_channels, self.modes1, dtype=torch.cfloat))

    def compl_mul1d(self, input, weights):
        return torch.einsum("bix,iox->box", input, weights)

    def forward(self, x):
        x_ft = torch.fft.rfft(x)
        out_ft = torch.zeros(x.shape[0], self.out_channels, x.size(-1) // 2 + 1, device=x.device, dtype=torch.cfloat)
        out_ft[:, :, : self.modes1] = self.compl_mul1d(x_ft[:, :, : self.modes1], self.weights1)
        return torch.fft.irfft(out_ft, n=x.size(-1))


class FNO(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Conv1d(1, 4, 1)
        self.conv, self.w = SpectralConv1d(4, 4, 3), nn.Conv1d(4, 4, 1)
        self.project = nn.Conv1d(4, 1, 1)

    def forward(self, x):
        x = self.lift(x)
        return self.project(nn.functional.gelu(self.conv(x) + self.w(x)))


model = FNO()
x = torch.randn(5, 1, 12)
y = torch.cumsum(x, -1) / 4
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-4)
for step in range(6):
    loss = (model(x) - y).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item())
print(model.conv.weights1[0, 0], model.conv.weights1.grad.abs().sum())
z = torch.tensor([1 + 2j, -3j, 0.5], requires_grad=True)
w = (z * z.conj()).real.sum() + z.angle().sum() + (z**2).imag.sum() + torch.view_as_real(z).sum() + z.exp().abs().sum()
w.backward()
print(w, z.grad, torch.polar(torch.tensor(2.0), torch.tensor(0.5)), torch.complex(t[:2], t[:2]), z.detach().sgn(), torch.is_complex(z))
print(torch.hann_window(6), torch.hamming_window(5, periodic=False), torch.blackman_window(4), torch.bartlett_window(5), torch.kaiser_window(4))
s = torch.stft(signal, n_fft=8, hop_length=4, window=torch.hann_window(8), return_complex=True)
print(s.shape, s.abs().sum(), torch.istft(s, n_fft=8, hop_length=4, window=torch.hann_window(8), length=16)[:4], signal[:4])
