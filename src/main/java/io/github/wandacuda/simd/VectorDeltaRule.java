package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.DeltaShape;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.ScalarDeltaRule;
import jdk.incubator.vector.FloatVector;

/**
 * The delta rule on vectors of neighbouring features of a value head. They go through all tokens
 * while their part of the state stays in the first cache.
 */
@SuppressWarnings("ArrayRecordComponent")
record VectorDeltaRule(DeltaOperands<CpuTensor> of, DeltaShape shape, float[] part) {
  /** Runs one value head of one sequence, as {@link ScalarDeltaRule#run} numbers them. */
  static void run(DeltaOperands<CpuTensor> of, int task) {
    DeltaShape shape = of.shape();
    VectorDeltaRule rule = new VectorDeltaRule(of, shape, new float[shape.keySize() * Lanes.COUNT]);
    int whole = Lanes.FLOATS.loopBound(shape.valueSize());
    for (int from = 0; from < whole; from += Lanes.COUNT) {
      rule.features(task, from);
    }
    ScalarDeltaRule.run(of, task, whole, shape.valueSize());
  }

  private void features(int task, int from) {
    float[] state = of.state().data();
    int rows = task * shape.keySize();
    for (int i = 0; i < shape.keySize(); i++) {
      load(state, of.state().at(rows + i) + from).intoArray(part, i * Lanes.COUNT);
    }
    int head = task % shape.heads();
    int keys = head / (shape.heads() / shape.keyHeads()) * shape.keySize();
    int column = head * shape.valueSize() + from;
    int first = task / shape.heads() * shape.sequenceLength();
    for (int t = first; t < first + shape.sequenceLength(); t++) {
      float decay = of.decay().data()[of.decay().at(t) + head];
      float correction = of.correction().data()[of.correction().at(t) + head];
      int key = of.k().at(t) + keys;
      FloatVector expected = decayed(decay, key);
      FloatVector change = load(of.v().data(), of.v().at(t) + column).sub(expected).mul(correction);
      corrected(change, key, of.q().at(t) + keys)
          .intoArray(of.out().data(), of.out().at(t) + column);
    }
    for (int i = 0; i < shape.keySize(); i++) {
      load(part, i * Lanes.COUNT).intoArray(state, of.state().at(rows + i) + from);
    }
  }

  private FloatVector decayed(float decay, int key) {
    float[] k = of.k().data();
    FloatVector product = FloatVector.zero(Lanes.FLOATS);
    for (int i = 0; i < shape.keySize(); i++) {
      FloatVector value = load(part, i * Lanes.COUNT).mul(decay);
      value.intoArray(part, i * Lanes.COUNT);
      product = value.fma(Lanes.constant(k[key + i]), product);
    }
    return product;
  }

  private FloatVector corrected(FloatVector change, int key, int query) {
    float[] k = of.k().data();
    float[] q = of.q().data();
    FloatVector product = FloatVector.zero(Lanes.FLOATS);
    for (int i = 0; i < shape.keySize(); i++) {
      FloatVector value = change.fma(Lanes.constant(k[key + i]), load(part, i * Lanes.COUNT));
      value.intoArray(part, i * Lanes.COUNT);
      product = value.fma(Lanes.constant(q[query + i]), product);
    }
    return product;
  }
}
