"""The classical networks for images, with the names of layers and the initial weights that torchvision's have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._public import publish as _publish
from . import densenet as densenet, inception as inception, mobilenetv2 as mobilenetv2, mobilenetv3 as mobilenetv3, \
    resnet as resnet, squeezenet as squeezenet, vgg as vgg
from .alexnet import AlexNet as AlexNet, AlexNet_Weights as AlexNet_Weights, alexnet as alexnet
from .densenet import (
    DenseNet as DenseNet, DenseNet121_Weights as DenseNet121_Weights, DenseNet161_Weights as DenseNet161_Weights,
    DenseNet169_Weights as DenseNet169_Weights, DenseNet201_Weights as DenseNet201_Weights, densenet121 as densenet121,
    densenet161 as densenet161, densenet169 as densenet169, densenet201 as densenet201,
)
from .inception import (
    Inception3 as Inception3, Inception_V3_Weights as Inception_V3_Weights, InceptionOutputs as InceptionOutputs,
    _InceptionOutputs as _InceptionOutputs, inception_v3 as inception_v3,
)
from .mobilenetv2 import (
    MobileNet_V2_Weights as MobileNet_V2_Weights, MobileNetV2 as MobileNetV2, mobilenet_v2 as mobilenet_v2,
)
from .mobilenetv3 import (
    MobileNet_V3_Large_Weights as MobileNet_V3_Large_Weights, MobileNet_V3_Small_Weights as MobileNet_V3_Small_Weights,
    MobileNetV3 as MobileNetV3, mobilenet_v3_large as mobilenet_v3_large, mobilenet_v3_small as mobilenet_v3_small,
)
from .resnet import (
    ResNet as ResNet, ResNet18_Weights as ResNet18_Weights, ResNet34_Weights as ResNet34_Weights,
    ResNet50_Weights as ResNet50_Weights, ResNet101_Weights as ResNet101_Weights,
    ResNet152_Weights as ResNet152_Weights, ResNeXt50_32X4D_Weights as ResNeXt50_32X4D_Weights,
    ResNeXt101_32X8D_Weights as ResNeXt101_32X8D_Weights, Wide_ResNet50_2_Weights as Wide_ResNet50_2_Weights,
    Wide_ResNet101_2_Weights as Wide_ResNet101_2_Weights, resnet18 as resnet18, resnet34 as resnet34,
    resnet50 as resnet50, resnet101 as resnet101, resnet152 as resnet152, resnext50_32x4d as resnext50_32x4d,
    resnext101_32x8d as resnext101_32x8d, wide_resnet50_2 as wide_resnet50_2, wide_resnet101_2 as wide_resnet101_2,
)
from .squeezenet import (
    SqueezeNet as SqueezeNet, SqueezeNet1_0_Weights as SqueezeNet1_0_Weights,
    SqueezeNet1_1_Weights as SqueezeNet1_1_Weights, squeezenet1_0 as squeezenet1_0, squeezenet1_1 as squeezenet1_1,
)
from .vgg import (
    VGG as VGG, VGG11_BN_Weights as VGG11_BN_Weights, VGG11_Weights as VGG11_Weights,
    VGG13_BN_Weights as VGG13_BN_Weights, VGG13_Weights as VGG13_Weights, VGG16_BN_Weights as VGG16_BN_Weights,
    VGG16_Weights as VGG16_Weights, VGG19_BN_Weights as VGG19_BN_Weights, VGG19_Weights as VGG19_Weights,
    vgg11 as vgg11, vgg11_bn as vgg11_bn, vgg13 as vgg13, vgg13_bn as vgg13_bn, vgg16 as vgg16, vgg16_bn as vgg16_bn,
    vgg19 as vgg19, vgg19_bn as vgg19_bn,
)
from .weights import WeightsEnum as WeightsEnum, get_model as get_model, list_models as list_models

if TYPE_CHECKING:
    from . import feature_extraction as feature_extraction

_publish(__name__, "densenet feature_extraction inception mobilenetv2 mobilenetv3 resnet squeezenet vgg")
