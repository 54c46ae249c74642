package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.HalfParts;
import java.util.List;

/**
 * The gradient of an MLP. With h the input, {@code a = h Wg^T}, {@code u = h Wu^T}, {@code m = f(a,
 * u)} and {@code y = m Wd^T}: {@code dWd = dy^T m}, {@code dm = dy Wd}, da and du by f's
 * derivatives, {@code dWg = da^T h} and {@code dWu = du^T h}. Without a gate there is no u. One
 * module may have the rows of both.
 */
final class MlpHalf implements HalfGradient {
  /** Elements of a range that one worker takes. */
  private static final int GRAIN = 1 << 14;

  private final HalfParts.OfMlp parts;
  private final List<Layer> inputs;
  private final Layer down;
  private final Products products;
  private final Operations operations;
  private final boolean fused;
  private final Tensor both;
  private final Tensor gate;
  private final Tensor up;
  private final Tensor inner;
  private final Tensor output;

  MlpHalf(HalfParts.OfMlp parts, List<Layer> layers, Products products, int tokens) {
    this.parts = parts;
    inputs = layers.subList(0, layers.size() - 1);
    down = layers.getLast();
    this.products = products;
    operations = products.operations();
    fused = parts.gated() && inputs.size() == 1;
    int wide = down.weight().weights().columns();
    both = operations.tensor(fused ? tokens : 0, 2 * wide);
    gate = operations.tensor(tokens, wide);
    up = operations.tensor(parts.gated() ? tokens : 0, wide);
    inner = operations.tensor(tokens, wide);
    output = operations.tensor(tokens, down.weight().weights().rows());
  }

  @Override
  public Tensor forward(Tensor input) {
    int tokens = input.rows();
    if (fused) {
      apply(inputs.getFirst(), input, both);
      split(tokens, 0, gate);
      split(tokens, 1, up);
    } else {
      apply(inputs.getFirst(), input, gate);
      if (parts.gated()) {
        apply(inputs.get(1), input, up);
      }
    }
    operations.elementwise(
        parts.between(),
        gate.rows(0, tokens),
        parts.gated() ? up.rows(0, tokens) : null,
        inner.rows(0, tokens));
    apply(down, inner.rows(0, tokens), output);
    return output.rows(0, tokens);
  }

  /** Copies the gate's columns of the fused output, or those of up. */
  private void split(int tokens, int which, Tensor to) {
    int wide = gate.columns();
    boolean turns = parts.interleaved();
    operations.gatherColumns(
        both.rows(0, tokens),
        turns ? which : which * wide,
        turns ? 1 : wide,
        turns ? 2 : 0,
        to.rows(0, tokens));
  }

  private void apply(Layer layer, Tensor input, Tensor out) {
    try (Weight weight = operations.weight(layer.weight().weights())) {
      operations.linear(input, weight, layer.of().bias(), out.rows(0, input.rows()));
    }
  }

  @Override
  public void backward(Tensor input, float[] by) {
    int tokens = input.rows();
    if (down.weight().isTuned()) {
      products.addWeightGradient(
          by, products.values(inner.rows(0, tokens)), down.weight().gradient());
    }
    if (inputs.stream().noneMatch(layer -> layer.weight().isTuned())) {
      return;
    }
    float[] back = products.inputGradient(by, down.weight().weights());
    float[] gates = products.values(gate.rows(0, tokens));
    float[] ups = parts.gated() ? products.values(up.rows(0, tokens)) : null;
    products
        .workers()
        .runRanges(
            back.length,
            GRAIN,
            (worker, from, to) ->
                ElementwiseGradient.replace(parts.between(), gates, ups, back, from, to));
    float[] read = products.values(input);
    if (fused) {
      add(inputs.getFirst(), joined(gates, ups), read);
    } else {
      add(inputs.getFirst(), gates, read);
      if (parts.gated()) {
        add(inputs.get(1), ups, read);
      }
    }
  }

  private void add(Layer layer, float[] by, float[] read) {
    if (layer.weight().isTuned()) {
      products.addWeightGradient(by, read, layer.weight().gradient());
    }
  }

  /** Returns the columns of gates and ups as one module puts them out. */
  private float[] joined(float[] gates, float[] ups) {
    int wide = gate.columns();
    float[] joined = new float[2 * gates.length];
    for (int at = 0; at < gates.length; at++) {
      int row = at / wide * 2 * wide;
      int column = at % wide;
      joined[row + (parts.interleaved() ? 2 * column : column)] = gates[at];
      joined[row + (parts.interleaved() ? 2 * column + 1 : wide + column)] = ups[at];
    }
    return joined;
  }

  @Override
  public void close() {
    List.of(both, gate, up, inner, output).forEach(Tensor::close);
  }
}
