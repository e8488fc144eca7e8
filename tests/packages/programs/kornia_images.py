"""kornia: filters, colours, geometry and augmentations of images, with derivatives."""

import kornia
import torch

torch.manual_seed(0)
image = torch.rand(2, 3, 24, 32, requires_grad=True)
matrix = kornia.geometry.get_rotation_matrix2d(torch.tensor([[16.0, 12.0], [10.0, 8.0]]), torch.tensor([30.0, -12.0]),
                                               torch.tensor([[1.0, 1.0], [1.2, 0.9]]))
points = torch.rand(2, 6, 2) * 20
homography = torch.eye(3).expand(2, 3, 3) + 0.01 * torch.randn(2, 3, 3)
RESULTS = {
    "gaussian": kornia.filters.gaussian_blur2d(image, (5, 5), (1.5, 1.5)),
    "box": kornia.filters.box_blur(image, (3, 3)),
    "median": kornia.filters.median_blur(image, (3, 3)),
    "bilateral": kornia.filters.bilateral_blur(image, (3, 3), 0.1, (1.5, 1.5)),
    "sobel": kornia.filters.sobel(image),
    "laplacian": kornia.filters.laplacian(image, 3),
    "unsharp": kornia.filters.unsharp_mask(image, (3, 3), (1.0, 1.0)),
    "gradient": kornia.filters.spatial_gradient(image),
    "hsv": kornia.color.rgb_to_hsv(image),
    "lab": kornia.color.rgb_to_lab(image),
    "gray": kornia.color.rgb_to_grayscale(image),
    "contrast": kornia.enhance.adjust_contrast(image, 1.3),
    "gamma": kornia.enhance.adjust_gamma(image, 0.7),
    "equalized": kornia.enhance.equalize(image.detach()),
    "affine": kornia.geometry.warp_affine(image, matrix, (20, 20)),
    "perspective": kornia.geometry.warp_perspective(image, homography, (24, 32)),
    "rotated": kornia.geometry.rotate(image, torch.tensor([15.0, 40.0])),
    "resized": kornia.geometry.resize(image, (12, 10)),
    "pyramid": kornia.geometry.pyrdown(image),
    "erosion": kornia.morphology.erosion(image, torch.ones(3, 3)),
    "corners": kornia.feature.harris_response(image, torch.tensor(0.04)),
    "points": kornia.geometry.transform_points(homography, points),
    "homography": kornia.geometry.find_homography_dlt(points, kornia.geometry.transform_points(homography, points)),
    "ssim": kornia.metrics.ssim(image, image.flip(-1), 5),
    "hausdorff": kornia.losses.HausdorffERLoss(k=3)(image[:, :2], (image.detach()[:, :1] > 0.5).long()),
    "quaternion": kornia.geometry.rotation_matrix_to_quaternion(
        kornia.geometry.axis_angle_to_rotation_matrix(torch.rand(3, 3))),
}
for name, found in RESULTS.items():
    print(name, found.double().mean().item(), found.double().square().mean().item(),
          found.reshape(-1)[7 % found.numel()].item())
sum(found.mean() for name, found in RESULTS.items() if name not in ("equalized", "median")).backward()
print("derivative", image.grad.abs().sum().item())
torch.manual_seed(1)
augment = kornia.augmentation.AugmentationSequential(
    kornia.augmentation.RandomHorizontalFlip(p=0.5), kornia.augmentation.RandomAffine(20.0, p=1.0),
    kornia.augmentation.ColorJitter(0.1, 0.1, 0.1, 0.1, p=1.0), data_keys=["input", "keypoints"])
changed, moved = augment(image.detach(), points)
print("augmented", changed.mean().item(), moved.mean().item(), *augment.transform_matrix.flatten().tolist())
