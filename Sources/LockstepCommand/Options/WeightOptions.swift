import ArgumentParser

/// Which of a checkpoint's weights answer.
struct WeightOptions: ParsableArguments {
  @Flag(help: "Takes the moving average of the weights, of a training with --ema.") var ema = false
}
