package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.ColumnGroups;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.DeltaShape;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.DeltaNetDescription;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** A gated delta net as {@link DeltaNetDescription} says, with its weights loaded. */
final class DeltaNet extends Branch {
  /** What is added to a query's or key's sum of squares before it is brought to unit length. */
  private static final double UNIT_EPSILON = 1e-6;

  private final DeltaNetDescription description;
  private final Tensor convolution;
  private final float[] decays;
  private final float[] steps;
  private final Tensor queryGain;
  private final Tensor keyGain;
  private final Norm norm;

  DeltaNet(DecoderWeights weights, DeltaNetDescription description) {
    super(weights, description.linears());
    this.description = description;
    convolution =
        weights.tensor(
            weights
                .tensors()
                .convolution(
                    description.convolution() + ".weight",
                    description.channels(),
                    description.kernel()),
            description.kernel(),
            description.channels());
    decays = weights.tensors().values(description.decay(), description.heads());
    steps = weights.tensors().values(description.step(), description.heads());
    // A norm by the mean square gives vectors whose length is the root of their features' number;
    // scores are divided by that root once more.
    int size = description.keySize();
    queryGain = constant(weights, 1f / size);
    keyGain = constant(weights, (float) (1 / Math.sqrt(size)));
    norm = Norm.orNull(weights, description.norm());
  }

  private Tensor constant(DecoderWeights weights, float value) {
    float[] values = new float[description.keySize()];
    Arrays.fill(values, value);
    return weights.tensor(values, 1, values.length);
  }

  @Override
  void run(Tensor input, Span span, InputObserver observer, Tensor out) {
    int tokens = input.rows();
    int heads = description.heads();
    int keyWidth = description.keyWidth();
    int valueWidth = description.valueWidth();
    KeyValueCache.BlockCache cache = span.cache();
    int before = cache == null ? 0 : description.kernel() - 1;
    Tensor mixed = workspace.take(Place.MIXED, before + tokens, description.channels());
    Tensor gate = workspace.take(Place.GATE, tokens, valueWidth);
    Tensor correction = workspace.take(Place.CORRECTION, tokens, heads);
    Tensor decay = workspace.take(Place.DECAY, tokens, heads);
    observer.input(inputModules, input);
    project(input, mixed.rows(before, tokens), gate, correction, decay);
    toShares(correction, decay);
    if (before > 0) {
      operations.gatherRows(cache.first(), rows(0, before), mixed.rows(0, before));
    }
    Tensor convolved = workspace.take(Place.CONVOLVED, tokens, description.channels());
    operations.convolve(mixed, convolution, span.tokens(), convolved);
    operations.elementwise(Activation.SILU, convolved, null, convolved);
    if (before > 0) {
      operations.gatherRows(mixed, rows(tokens, before), cache.first());
    }
    Tensor query = workspace.take(Place.QUERY, tokens, keyWidth);
    Tensor key = workspace.take(Place.KEY, tokens, keyWidth);
    Tensor value = workspace.take(Place.VALUE, tokens, valueWidth);
    operations.gatherColumns(convolved, 0, keyWidth, 0, query);
    operations.gatherColumns(convolved, keyWidth, keyWidth, 0, key);
    operations.gatherColumns(convolved, 2 * keyWidth, valueWidth, 0, value);
    toUnitLength(query, queryGain);
    toUnitLength(key, keyGain);
    Tensor result = workspace.take(Place.ATTENDED, tokens, valueWidth);
    operations.deltaRule(
        new DeltaOperands<>(
            query, key, value, decay, correction, shape(span), state(tokens, span), result));
    norm.applyToHeads(result);
    operations.elementwise(new Elementwise.Gate(Activation.SILU), gate, result, result);
    end(result, observer, out);
  }

  private void project(Tensor input, Tensor mixed, Tensor gate, Tensor correction, Tensor decay) {
    if (inputs.size() > 2) {
      List<Tensor> outs = List.of(mixed, gate, correction, decay);
      for (int at = 0; at < outs.size(); at++) {
        inputs.get(at).apply(input, outs.get(at));
      }
      return;
    }
    int key = description.keySize();
    int keyWidth = description.keyWidth();
    int value = description.valueWidth() / description.keyHeads();
    int share = description.heads() / description.keyHeads();
    int group = 2 * key + 2 * value;
    Tensor wide = workspace.take(Place.FUSED, input.rows(), inputs.get(0).rows());
    inputs.get(0).apply(input, wide);
    place(wide, key, 0, group, mixed, 0);
    place(wide, key, key, group, mixed, keyWidth);
    place(wide, value, 2 * key, group, mixed, 2 * keyWidth);
    place(wide, value, 2 * key + value, group, gate, 0);
    Tensor narrow = workspace.take(Place.FUSED, input.rows(), inputs.get(1).rows());
    inputs.get(1).apply(input, narrow);
    place(narrow, share, 0, 2 * share, correction, 0);
    place(narrow, share, share, 2 * share, decay, 0);
  }

  /**
   * Copies the columns of one of several parts that stand in turn, head by head, to where they
   * stand side by side.
   *
   * @param width columns of a head's part
   * @param from the first head's first column
   * @param stride columns from one head to the next
   * @param to where the part begins in the result
   */
  private void place(Tensor source, int width, int from, int stride, Tensor out, int to) {
    operations.gatherColumns(
        source, new ColumnGroups(description.keyHeads(), width, from, stride, to, width), out);
  }

  /**
   * Turns two projections into shares: by how much a state is corrected, {@code
   * sigmoid(correction)}, and how much of it is kept, {@code exp(-exp(decays) * softplus(decay +
   * steps))}. Both are computed on the host in float64 and rounded, so that they have the same bits
   * on every backend.
   */
  private void toShares(Tensor correction, Tensor decay) {
    float[] values = new float[correction.rows() * correction.columns()];
    operations.download(correction, MemorySegment.ofArray(values));
    for (int at = 0; at < values.length; at++) {
      values[at] = (float) (1 / (1 + StrictMath.exp(-values[at])));
    }
    operations.upload(MemorySegment.ofArray(values), correction);
    operations.download(decay, MemorySegment.ofArray(values));
    for (int at = 0; at < values.length; at++) {
      int head = at % decays.length;
      double step = (double) values[at] + steps[head];
      double positive = Math.max(step, 0) + StrictMath.log1p(StrictMath.exp(-Math.abs(step)));
      values[at] = (float) StrictMath.exp(-StrictMath.exp(decays[head]) * positive);
    }
    operations.upload(MemorySegment.ofArray(values), decay);
  }

  private void toUnitLength(Tensor heads, Tensor gain) {
    int size = description.keySize();
    Tensor split = heads.reshaped(heads.rows() * description.keyHeads(), size);
    operations.rmsNorm(split, gain, (float) (UNIT_EPSILON / size), split);
  }

  private DeltaShape shape(Span span) {
    return new DeltaShape(
        span.tokens(),
        description.keyHeads(),
        description.heads(),
        description.keySize(),
        description.norm().size());
  }

  private Tensor state(int tokens, Span span) {
    if (span.cache() != null) {
      return span.cache().second();
    }
    int heads = tokens / span.tokens() * description.heads();
    Tensor state =
        workspace.take(Place.STATE, heads * description.keySize(), description.norm().size());
    operations.clear(state);
    return state;
  }

  private static int[] rows(int from, int count) {
    return IntStream.range(from, from + count).toArray();
  }
}
