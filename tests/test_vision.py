"""Transforms, grids, image files and networks of `wengert.vision`, without torchvision at hand."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import vision
from wengert.vision import transforms
from wengert.vision.transforms import functional

Image = pytest.importorskip("PIL.Image")
BLANK = Image.new("RGB", (37, 29))

# What torchvision 0.28 draws after manual_seed(7), twice.
DRAWS: list[tuple[Callable[[], Any], list[Any]]] = [
    (lambda: transforms.RandomCrop.get_params(BLANK, (10, 12)), [(15, 12, 10, 12), (1, 4, 10, 12)]),
    (
        lambda: transforms.RandomResizedCrop.get_params(BLANK, [0.08, 1.0], [3 / 4, 4 / 3]),
        [(1, 11, 27, 23), (11, 8, 18, 17)],
    ),
    (lambda: transforms.RandomRotation.get_params([-30.0, 30.0]), [2.0953524112701416, -18.071807861328125]),
    (
        lambda: transforms.RandomAffine.get_params([-30, 30], [0.1, 0.2], [0.8, 1.2], [-5, 5, -3, 3], [37, 29]),
        [
            (2.0953524112701416, (-2, 2), 1.0627561807632446, (-2.672384262084961, -0.44963157176971436)),
            (-17.574838638305664, (1, -2), 1.1405073404312134, (3.549431562423706, 0.305611252784729)),
        ],
    ),
    (
        lambda: transforms.RandomPerspective.get_params(37, 29, 0.5)[1],
        [[[5, 4], [28, 6], [30, 24], [7, 28]], [[8, 1], [35, 7], [35, 22], [2, 23]]],
    ),
    (
        lambda: transforms.ColorJitter.get_params((0.6, 1.4), None, (0.5, 1.5), (-0.1, 0.1))[1:],
        [
            (1.1255122423171997, None, 0.732761561870575, -0.014987719245254993),
            (1.2810146808624268, None, 1.3549431562423706, 0.010187041945755482),
        ],
    ),
    (
        lambda: transforms.RandomErasing.get_params(wengert.zeros(3, 29, 37), (0.02, 0.33), (0.3, 3.3), [0.0])[:4],
        [(1, 2, 10, 20), (20, 14, 9, 11)],
    ),
]


@pytest.mark.parametrize("draw, expected", DRAWS)
def test_the_draws_are_those_of_torchvision(draw: Callable[[], Any], expected: list[Any]) -> None:
    wengert.manual_seed(7)
    assert [draw(), draw()] == expected


def test_flips_are_drawn_as_by_torchvision() -> None:
    wengert.manual_seed(7)
    image = wengert.arange(2.0).reshape(1, 1, 2)
    flip = transforms.RandomHorizontalFlip()
    assert [int(flip(image)[0, 0, 0].item()) for _ in range(10)] == [0, 1, 0, 0, 1, 1, 1, 0, 1, 0]


# What torchvision 0.28 makes of the bytes 0, 5, 10, ... of shape (3, 4, 4).
BYTES = (wengert.arange(48) * 5).to(wengert.uint8).reshape(3, 4, 4)
GOLDEN: dict[str, tuple[Callable[[], Any], list[int]]] = {
    "grey": (lambda: functional.rgb_to_grayscale(BYTES), [65, 70, 75, 80, 85, 90, 95, 100]),
    "bright": (lambda: functional.adjust_brightness(BYTES, 1.5), [0, 7, 15, 22, 30, 37, 45, 52]),
    "contrast": (lambda: functional.adjust_contrast(BYTES, 0.5), [51, 53, 56, 58, 61, 63, 66, 68]),
    "hue": (lambda: functional.adjust_hue(BYTES, 0.25), [160, 165, 170, 175, 180, 185, 190, 195]),
    "rotate": (lambda: functional.rotate(BYTES, 90), [15, 35, 55, 75, 10, 30, 50, 70]),
    "blur": (lambda: functional.gaussian_blur(BYTES, 3), [12, 15, 20, 22, 22, 25, 30, 33]),
    "equalize": (lambda: functional.equalize(BYTES), [0, 5, 10, 15, 20, 25, 30, 35]),
    "resize": (lambda: functional.resize(BYTES, 2), [18, 26, 49, 57, 98, 106, 129, 137]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_tensors_of_bytes(name: str) -> None:
    function, expected = GOLDEN[name]
    assert function().flatten().tolist()[:8] == expected


def photograph() -> Any:
    y, x = np.mgrid[0:20, 0:30]
    return Image.fromarray(np.stack([x * 8, y * 12, (x + y) * 5], -1).astype(np.uint8))


def test_pictures_to_tensors_and_back() -> None:
    image = photograph()
    tensor = transforms.ToTensor()(image)
    assert tensor.shape == (3, 20, 30) and tensor.dtype == wengert.float32
    assert tensor[1, 2, 0].item() == pytest.approx(24 / 255)
    assert np.array_equal(np.array(transforms.ToPILImage()(tensor)), np.array(image))
    assert transforms.PILToTensor()(image)[0, 0, :3].tolist() == [0, 8, 16]
    assert transforms.ToTensor()(np.zeros((4, 5), np.float64)).dtype == wengert.float64
    assert transforms.ToTensor()(Image.fromarray(np.eye(3) > 0)).sum().item() == 3
    assert transforms.ToPILImage()(wengert.zeros(1, 4, 5)).mode == "L"
    assert transforms.ToPILImage()(wengert.zeros(4, 4, 5)).mode == "RGBA"
    half = transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))(tensor)
    assert half.min().item() == -1 and wengert.allclose(half * 0.5 + 0.5, tensor)


def test_pictures_through_a_usual_chain() -> None:
    wengert.manual_seed(0)
    chain = transforms.Compose(
        [
            transforms.Resize(24),
            transforms.RandomCrop(22, padding=2),
            transforms.RandomHorizontalFlip(),
            transforms.RandomRotation(15),
            transforms.ColorJitter(0.2, 0.2, 0.2, 0.1),
            transforms.Pad(1, fill=(1, 2, 3)),
            transforms.CenterCrop((20, 18)),
            transforms.RandomGrayscale(),
            transforms.ToTensor(),
            transforms.RandomErasing(),
        ]
    )
    assert chain(photograph()).shape == (3, 20, 18)
    assert repr(chain).splitlines()[1] == (
        "    Resize(size=24, interpolation=bilinear, max_size=None, antialias=True)"
    )


def test_geometry_of_pictures_is_that_of_tensors() -> None:
    image = photograph()
    tensor = functional.pil_to_tensor(image)
    for change in (
        functional.hflip,
        functional.vflip,
        lambda x: functional.crop(x, -2, 5, 30, 12),
        lambda x: functional.center_crop(x, [25, 8]),
        lambda x: functional.pad(x, [1, 2, 3, 4], 9),
        lambda x: functional.pad(x, [3, 2], padding_mode="reflect"),
        lambda x: functional.pad(x, [3, -2, 1, 0], padding_mode="symmetric"),
        lambda x: functional.rotate(x, 90, expand=True),
        lambda x: functional.ten_crop(x, 6)[7],
    ):
        assert np.array_equal(np.array(change(image)).transpose(2, 0, 1), change(tensor).numpy())


def test_gradients_pass_through_transforms_of_tensors() -> None:
    image = wengert.rand(3, 6, 6, requires_grad=True)
    out = functional.normalize(functional.resize(functional.adjust_contrast(image, 1.3), [4, 4]), [0.5], [0.2])
    out.sum().backward()
    assert image.grad is not None and bool(image.grad.ne(0).any())


@pytest.mark.parametrize("wrong, error, text", [
    (lambda: transforms.RandomCrop(50)(BLANK), ValueError, r"\(50, 50\) is larger than input image size \(29, 37\)"),
    (lambda: transforms.ToTensor()("picture.png"), TypeError, "should be PIL Image or ndarray"),
    (lambda: transforms.Normalize([0.5], [0.0])(wengert.zeros(1, 2, 2)), ValueError, "std evaluated to zero"),
    (lambda: transforms.Normalize([0.5] * 3, [0.5] * 3)(wengert.zeros(1, 2, 2)), RuntimeError, "shape"),
    (lambda: transforms.ColorJitter(hue=1), ValueError, "hue values should be between"),
    (lambda: transforms.Resize(9, "bilinear"), TypeError, "should be a InterpolationMode"),
    (lambda: functional.pad(BLANK, 1, (1, 2)), ValueError, r"does not match the number of channels .* \(2 != 3\)"),
    (lambda: functional.hflip([1, 2]), TypeError, "should be PIL Image or Tensor"),
    (lambda: functional.to_pil_image(wengert.zeros(7, 2, 2)), ValueError, "> 4 channels. Got 7"),
    (lambda: functional.convert_image_dtype(wengert.zeros(1), wengert.int64), RuntimeError, "performed safely"),
    (lambda: vision.get_video_backend, AttributeError, "vision.get_video_backend is not in wengert yet"),
    (lambda: vision.datasets.LSUN, AttributeError, "vision.datasets.LSUN is not in wengert yet"),
])
def test_wrong_input(wrong: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        wrong()


def test_grids(tmp_path: Path) -> None:
    images = wengert.arange(5.0).reshape(5, 1, 1, 1).expand(5, 1, 2, 3)
    grid = vision.utils.make_grid(images, nrow=3, padding=1, pad_value=9)
    assert grid.shape == (3, 7, 13)
    assert grid[0, 1].tolist() == [9, 0, 0, 0, 9, 1, 1, 1, 9, 2, 2, 2, 9]
    assert grid[2, 4].tolist() == [9, 3, 3, 3, 9, 4, 4, 4, 9, 9, 9, 9, 9]
    vision.utils.save_image(images / 4, tmp_path / "grid.png", nrow=5, padding=0)
    pixels = vision.io.read_image(tmp_path / "grid.png")
    assert pixels[0, 0, ::3].tolist() == [0, 64, 128, 191, 255] and pixels.dtype == wengert.uint8
    one = vision.utils.make_grid(images[0], normalize=True)
    one += 1
    assert images.max().item() == 4  # the image given is not what comes back
    with pytest.raises(TypeError, match="list of tensors expected"):
        vision.utils.make_grid([1, 2])


def test_image_files(tmp_path: Path) -> None:
    image = photograph()
    image.save(tmp_path / "colour.png")
    image.convert("P").save(tmp_path / "palette.png")
    image.convert("LA").save(tmp_path / "alpha.png")
    colour = vision.io.read_image(str(tmp_path / "colour.png"))
    assert np.array_equal(colour.numpy(), np.array(image).transpose(2, 0, 1))
    assert vision.io.read_image(tmp_path / "palette.png").shape == (3, 20, 30)
    assert vision.io.read_image(tmp_path / "alpha.png").shape == (2, 20, 30)
    mode = vision.io.ImageReadMode.GRAY
    assert vision.io.read_image(tmp_path / "colour.png", mode).shape == (1, 20, 30)
    assert vision.io.read_image(tmp_path / "colour.png", "RGB_ALPHA").shape == (4, 20, 30)
    assert wengert.equal(vision.io.decode_image(vision.io.encode_png(colour)), colour)
    vision.io.write_jpeg(colour, tmp_path / "colour.jpg", 95)
    lossy = vision.io.read_image(tmp_path / "colour.jpg").int()
    assert (lossy - colour.int()).abs().max().item() < 40
    with pytest.raises(RuntimeError, match="No such file"):
        vision.io.read_image(tmp_path / "none.png")
    with pytest.raises(RuntimeError, match="an image was expected"):
        vision.io.decode_image(wengert.zeros(10, dtype=wengert.uint8))
    whole = vision.io.read_file(tmp_path / "colour.png")
    with pytest.raises(RuntimeError, match="an image was expected"):
        vision.io.decode_image(whole[: len(whole) // 2])
    image.save(tmp_path / "huge.bmp")
    with open(tmp_path / "huge.bmp", "r+b") as file:
        file.seek(18)  # where the width stands
        file.write(b"\xff\xff\xff\x7f")
    with pytest.raises(RuntimeError, match="exceeds limit"):
        vision.io.read_image(tmp_path / "huge.bmp")


def test_networks() -> None:
    wengert.manual_seed(0)
    net = vision.models.resnet18(num_classes=2)
    # What torchvision 0.28 begins with; 11 177 538 parameters.
    expected = [0.006146557629108429, 0.024723157286643982, -0.025338225066661835]
    assert net.conv1.weight[0, 0, 0, :3].tolist() == pytest.approx(expected, rel=1e-6)
    expected = [-0.020315496250987053, 0.018677866086363792, 0.03755621984601021]
    assert net.fc.weight[0, :3].tolist() == pytest.approx(expected, rel=1e-6)
    assert sum(p.numel() for p in net.parameters()) == 11177538
    out = net(wengert.randn(2, 3, 32, 32))
    assert out.shape == (2, 2)
    out.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert "resnet50" in vision.models.list_models()


@pytest.mark.parametrize("ask", [
    {"weights": "DEFAULT"}, {"weights": "IMAGENET1K_V1"}, {"pretrained": True},
    {"weights": vision.models.ResNet18_Weights.IMAGENET1K_V1},
])
def test_trained_weights_are_not_fetched(ask: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match=r"resnet18-f37072fd.pth and write .*load_state_dict\(torch.load\("):
        vision.models.resnet18(**ask)
    with pytest.raises(TypeError, match="ResNet18_Weights was expected"):
        vision.models.resnet18(weights=vision.models.VGG16_Weights.DEFAULT)
    with pytest.raises(ValueError, match="one of .* was expected"):
        vision.models.resnet18(weights="V7")
    change = vision.models.ResNet18_Weights.DEFAULT.transforms()
    assert change(BLANK.resize((300, 260))).shape == (3, 224, 224)


def test_pillow_is_imported_where_it_is_used_and_its_extra_named() -> None:
    program = (
        "import sys, wengert\n"
        "assert 'wengert.vision' not in sys.modules\n"
        "sys.modules['PIL'] = None\n"
        "from wengert.vision import datasets, io, models, transforms, utils\n"
        "transforms.Compose([transforms.Resize(4), transforms.Normalize([0.5], [0.5])])(wengert.ones(1, 8, 8))\n"
        "try:\n    utils.save_image(wengert.ones(3, 2, 2), 'x.png')\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "pictures need Pillow: pip install 'wengert[vision]'\n"


PROGRAM = """\
import torch, torchvision
import torchvision.transforms as T
import torchvision.transforms.functional as TF
from torchvision import datasets, transforms
from torchvision.io.image import ImageReadMode
from torchvision.models import ResNet18_Weights
from torchvision.models.resnet import Bottleneck
from torchvision.utils import make_grid, save_image
import wengert.vision

assert torchvision.datasets is wengert.vision.datasets and T is transforms and TF is transforms.functional
data = datasets.FakeData(6, (3, 8, 8), 3, transforms.Compose([T.RandomCrop(6), T.ToTensor()]))
for images, targets in torch.utils.data.DataLoader(data, 3):
    print(tuple(images.shape), len(targets))
datasets.LSUN
"""


def test_programs_find_it_as_torchvision(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(PROGRAM)
    root = str(Path(__file__).parent.parent)
    command = [sys.executable, "-m", "wengert.cli", "run", "--report", "train.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": root})
    assert done.stdout == "(3, 3, 6, 6) 3\n(3, 3, 6, 6) 3\n"
    assert "torchvision.transforms.RandomCrop" in done.stderr and "1 of them missing" in done.stderr
    assert "torchvision.datasets.LSUN" in done.stderr and "line 15  MISSING" in done.stderr
    assert "train.py:15: torchvision.datasets.LSUN is not in wengert yet\n" in done.stderr


def test_images_survive_a_round_through_memory() -> None:
    file = io.BytesIO()
    vision.utils.save_image(wengert.zeros(3, 4, 4), file, "png")
    assert Image.open(io.BytesIO(file.getvalue())).size == (4, 4)


@pytest.mark.parametrize("name", ["RandomResizedCrop", "RandomErasing"])
def test_what_a_scale_must_be_is_said_by_the_transform_that_has_it(name: str) -> None:
    draws = getattr(transforms, name).get_params
    with pytest.raises(ValueError, match=rf"^\[{name}\] a scale of finite numbers"):
        draws(wengert.zeros(3, 8, 8), (-1.0, 0.5), (0.5, 2.0))
