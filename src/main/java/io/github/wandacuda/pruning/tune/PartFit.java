package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.calibration.FitSamples;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.HalfParts;
import io.github.wandacuda.pruning.tune.GradientFit.Losses;
import io.github.wandacuda.pruning.tune.HalfGradient.Layer;
import io.github.wandacuda.system.OnFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.IntConsumer;

/**
 * A half of a block, or an expert of its mixture, with copies of its weights: ready to run, and to
 * be fitted.
 */
final class PartFit implements AutoCloseable {
  private final BlockWeights weights;
  private final int together;
  private final int length;
  private final List<Layer> layers = new ArrayList<>();
  private final HalfGradient gradient;

  /**
   * What became of a fit.
   *
   * @param losses on samples that were held out
   * @param kept whether the block has the fitted weights
   */
  record Fitted(Losses losses, boolean kept) {}

  /**
   * Copies a part's weights.
   *
   * @param together samples that run at once
   * @param length tokens of a sample
   */
  @SuppressWarnings("MustBeClosedChecker") // Closed with this.
  PartFit(BlockWeights weights, HalfParts parts, int together, int length) {
    this.weights = weights;
    this.together = together;
    this.length = length;
    gradient = OnFailure.close(this::closeLayers, () -> opened(parts));
  }

  private HalfGradient opened(HalfParts parts) {
    parts
        .linears()
        .forEach(linear -> layers.add(new Layer(linear, weights.copied(linear.module()))));
    return HalfGradient.of(parts, layers, weights.products(), together * length, length);
  }

  /**
   * Runs the part with the weights as they were copied.
   *
   * @param input [tokens, hidden size], at most as many tokens as run at once
   * @return [tokens, hidden size], valid until the next call
   */
  Tensor forward(Tensor input) {
    return gradient.forward(input);
  }

  /**
   * Fits the weights, and gives the block what helps.
   *
   * @param random draws the samples of each step
   * @param passed told after each step how many are done
   */
  Fitted run(FitSamples samples, Random random, IntConsumer passed) {
    List<TunedWeight> fitted =
        layers.stream().map(Layer::weight).filter(TunedWeight::isTuned).toList();
    Losses losses =
        new GradientFit(gradient, fitted, samples, together, weights.products())
            .run(random, passed);
    boolean kept = losses.areBetter() && weights.haveRoomFor(layers);
    if (kept) {
      layers.stream().filter(layer -> layer.weight().isTuned()).forEach(weights::install);
    }
    return new Fitted(losses, kept);
  }

  private void closeLayers() {
    layers.forEach(layer -> layer.weight().close());
  }

  @Override
  public void close() {
    gradient.close();
    closeLayers();
  }
}
