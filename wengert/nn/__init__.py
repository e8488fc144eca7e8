from .module import Module
from .parameter import Buffer, Parameter
