// What a user's own package imports: `import Lockstep` brings the tensors, the layers and the trainer with it.

@_exported import Checkpoints
@_exported import DataParallel
@_exported import Datasets
@_exported import Failures
@_exported import MessagePassing
@_exported import Networks
@_exported import Optimizers
@_exported import Tensors
@_exported import Training
