package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.BlockDescription.Columns;
import io.github.wandacuda.model.BlockDescription.Scores;
import io.github.wandacuda.model.HalfParts;
import io.github.wandacuda.model.HalfParts.HeadNorm;
import io.github.wandacuda.model.Heads;
import io.github.wandacuda.model.PositionTable;
import io.github.wandacuda.model.Rotary;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The gradient of attention's linear layers. Behind the output projection it goes through the
 * softmax by {@link AttentionGradient}; the gradients of queries and keys are turned back by their
 * positions' angles and go through the norms of their heads; then {@code dW = dq^T h} and likewise
 * for keys and values.
 */
final class AttentionHalf implements HalfGradient {
  private final HalfParts.OfAttention parts;
  private final List<Layer> inputs;
  private final Layer last;
  private final Products products;
  private final Operations operations;
  private final int sequenceLength;
  private final List<Tensor> owned = new ArrayList<>();
  private final Tensor fused;
  private final List<Tensor> projected;

  /** What the norms of query and key heads read; null where there is no norm. */
  private final List<Tensor> before = new ArrayList<>();

  private final Tensor attended;
  private final Tensor output;
  private final Tensor keyBias;
  private final Positions positions;

  /**
   * Cosines and sines of a rotary embedding, and the sines that turn back.
   *
   * @param back the sines with the other sign
   */
  private record Positions(Rotary rotary, Tensor cosines, Tensor sines, Tensor back) {}

  AttentionHalf(
      HalfParts.OfAttention parts,
      List<Layer> layers,
      Products products,
      int tokens,
      int sequenceLength) {
    this.parts = parts;
    inputs = layers.subList(0, layers.size() - 1);
    last = layers.getLast();
    this.products = products;
    this.sequenceLength = sequenceLength;
    operations = products.operations();
    Heads heads = parts.description().heads();
    int[] widths = {heads.queryWidth(), heads.keyValueWidth(), heads.keyValueWidth()};
    fused = isFused() ? tensor(tokens, inputs.getFirst().weight().weights().rows()) : null;
    projected = new ArrayList<>();
    for (int width : widths) {
      projected.add(tensor(tokens, width));
    }
    before.add(parts.queryNorm() == null ? null : tensor(tokens, widths[0]));
    before.add(parts.keyNorm() == null ? null : tensor(tokens, widths[1]));
    attended = tensor(tokens, widths[0]);
    output = tensor(tokens, last.weight().weights().rows());
    keyBias = table(parts.description().scores().keyBias(), false);
    Rotary rotary = parts.description().rotary();
    positions =
        rotary == null
            ? null
            : new Positions(
                rotary,
                table(rotary.cosines(), false),
                table(rotary.sines(), false),
                table(rotary.sines(), true));
  }

  private boolean isFused() {
    return !parts.description().projection().columns().isEmpty();
  }

  private Tensor tensor(int rows, int columns) {
    Tensor tensor = operations.tensor(rows, columns);
    owned.add(tensor);
    return tensor;
  }

  private Tensor table(PositionTable table, boolean negated) {
    if (table == null) {
      return null;
    }
    PositionTable.Values values = table.at(sequenceLength, sequenceLength);
    float[] data = values.data().clone();
    for (int at = 0; negated && at < data.length; at++) {
      data[at] = -data[at];
    }
    Tensor tensor = tensor(values.rows(), values.columns());
    operations.upload(MemorySegment.ofArray(data), tensor);
    return tensor;
  }

  @Override
  public Tensor forward(Tensor input) {
    int tokens = input.rows();
    project(input);
    place(0, parts.queryNorm(), tokens);
    place(1, parts.keyNorm(), tokens);
    operations.attention(
        new AttentionOperands<>(
            some(projected.get(0), tokens),
            some(projected.get(1), tokens),
            some(projected.get(2), tokens),
            shape(),
            keyBias,
            parts.sinks(),
            some(attended, tokens)));
    apply(last, some(attended, tokens), output);
    return some(output, tokens);
  }

  private static Tensor some(Tensor tensor, int tokens) {
    return tensor.rows(0, tokens);
  }

  private void project(Tensor input) {
    int tokens = input.rows();
    if (!isFused()) {
      for (int at = 0; at < projected.size(); at++) {
        apply(inputs.get(at), input, projected.get(at));
      }
      return;
    }
    apply(inputs.getFirst(), input, fused);
    for (int at = 0; at < projected.size(); at++) {
      Columns own = parts.description().projection().columns().get(at);
      Tensor to = some(projected.get(at), tokens);
      operations.gatherColumns(some(fused, tokens), own.offset(), own.width(), own.stride(), to);
    }
  }

  private void apply(Layer layer, Tensor input, Tensor out) {
    try (Weight weight = operations.weight(layer.weight().weights())) {
      operations.linear(input, weight, layer.of().bias(), some(out, input.rows()));
    }
  }

  /** Norms and rotates queries or keys in place. */
  private void place(int which, HeadNorm norm, int tokens) {
    Tensor heads = some(projected.get(which), tokens);
    if (norm != null) {
      Tensor copy = some(before.get(which), tokens);
      operations.gatherColumns(heads, 0, heads.columns(), 0, copy);
      int rows = tokens * (heads.columns() / norm.size());
      Tensor split = heads.reshaped(rows, norm.size());
      operations.rmsNorm(split, norm.gain(), norm.epsilon(), split);
    }
    if (positions != null) {
      operations.rotate(heads, positions.rotary.pairs(), positions.cosines, positions.sines);
    }
  }

  private AttentionShape shape() {
    Heads heads = parts.description().heads();
    Scores scores = parts.description().scores();
    return new AttentionShape(
        sequenceLength,
        0,
        heads.queries(),
        heads.keyValueHeads(),
        heads.size(),
        scores.scale(),
        scores.softcap(),
        scores.window());
  }

  @Override
  public void backward(Tensor input, float[] by) {
    int tokens = input.rows();
    if (last.weight().isTuned()) {
      products.addWeightGradient(
          by, products.values(some(attended, tokens)), last.weight().gradient());
    }
    if (inputs.stream().noneMatch(layer -> layer.weight().isTuned())) {
      return;
    }
    AttentionGradient.Gradients gradients =
        new AttentionGradient(
                shape(),
                products.values(some(projected.get(0), tokens)),
                products.values(some(projected.get(1), tokens)),
                products.values(some(projected.get(2), tokens)),
                keyBias == null ? null : products.values(keyBias),
                parts.sinks() == null ? null : products.values(parts.sinks()))
            .of(products.inputGradient(by, last.weight().weights()), products.workers());
    float[] queries = unplaced(0, gradients.q(), parts.queryNorm(), tokens);
    float[] keys = unplaced(1, gradients.k(), parts.keyNorm(), tokens);
    List<float[]> all = List.of(queries, keys, gradients.v());
    float[] read = products.values(input);
    if (isFused()) {
      products.addWeightGradient(joined(all, tokens), read, inputs.getFirst().weight().gradient());
      return;
    }
    for (int at = 0; at < inputs.size(); at++) {
      if (inputs.get(at).weight().isTuned()) {
        products.addWeightGradient(all.get(at), read, inputs.get(at).weight().gradient());
      }
    }
  }

  /** Returns the gradient with respect to what was normed and rotated. */
  private float[] unplaced(int which, float[] gradient, HeadNorm norm, int tokens) {
    float[] back = gradient;
    if (positions != null) {
      try (Tensor turned = operations.tensor(tokens, gradient.length / tokens)) {
        operations.upload(MemorySegment.ofArray(gradient), turned);
        operations.rotate(turned, positions.rotary.pairs(), positions.cosines, positions.back);
        back = products.values(turned);
      }
    }
    if (norm != null) {
      float[] read = products.values(some(before.get(which), tokens));
      NormGradient.replace(read, products.values(norm.gain()), norm.epsilon(), back);
    }
    return back;
  }

  /** Returns the columns of queries, keys and values as one module puts them out. */
  private float[] joined(List<float[]> all, int tokens) {
    int columns = fused.columns();
    float[] joined = new float[tokens * columns];
    for (int which = 0; which < all.size(); which++) {
      Columns own = parts.description().projection().columns().get(which);
      float[] from = all.get(which);
      int width = from.length / tokens;
      for (int at = 0; at < from.length; at++) {
        int column = at % width;
        int to = own.offset() + column / own.width() * own.stride() + column % own.width();
        joined[at / width * columns + to] = from[at];
      }
    }
    return joined;
  }

  @Override
  public void close() {
    owned.forEach(Tensor::close);
  }
}
