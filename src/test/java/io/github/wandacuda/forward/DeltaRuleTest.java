package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The gated delta rule: the scalar code's bits everywhere, and the same in one run as in two. */
@EachBackend
class DeltaRuleTest extends OperationCases {
  DeltaRuleTest(OpenedBackend backend) {
    super(backend);
  }

  /** What the rule works on. */
  private record Case(
      DeltaShape shape,
      CpuTensor q,
      CpuTensor k,
      CpuTensor v,
      CpuTensor decay,
      CpuTensor correction,
      CpuTensor state) {
    static Case of(Samples samples, int sequences, DeltaShape shape) {
      int tokens = sequences * shape.sequenceLength();
      int keys = shape.keyHeads() * shape.keySize();
      float deviation = (float) (1 / Math.sqrt(shape.keySize()));
      return new Case(
          shape,
          samples.tensor(tokens, keys, 0, deviation),
          samples.tensor(tokens, keys, 0, deviation),
          samples.tensor(tokens, shape.heads() * shape.valueSize()),
          samples.tensor(tokens, shape.heads(), 0.6f, 0.1f),
          samples.tensor(tokens, shape.heads(), 0.5f, 0.1f),
          samples.tensor(sequences * shape.heads() * shape.keySize(), shape.valueSize()));
    }

    /** Runs {@code parts} of all tokens after each other; returns results, then states. */
    CpuTensor run(Operands operands, int parts) {
      Tensor held = operands.in(state);
      Tensor out = operands.out(v.rows(), v.columns());
      int count = v.rows() / parts;
      DeltaShape part =
          parts == 1
              ? shape
              : new DeltaShape(
                  count, shape.keyHeads(), shape.heads(), shape.keySize(), shape.valueSize());
      for (int from = 0; from < v.rows(); from += count) {
        operands
            .operations()
            .deltaRule(
                new DeltaOperands<>(
                    operands.in(q.rows(from, count)),
                    operands.in(k.rows(from, count)),
                    operands.in(v.rows(from, count)),
                    operands.in(decay.rows(from, count)),
                    operands.in(correction.rows(from, count)),
                    part,
                    held,
                    out.rows(from, count)));
      }
      CpuTensor results = operands.values(out);
      CpuTensor states = operands.values(held);
      float[] both = Arrays.copyOf(results.data(), results.elements() + states.elements());
      System.arraycopy(states.data(), 0, both, results.elements(), states.elements());
      return Samples.of(1, both);
    }
  }

  @Test
  void theRuleIsThatOfItsFormula() {
    DeltaShape shape = new DeltaShape(3, 2, 4, 5, 6);
    Case one = Case.of(new Samples(3), 2, shape);
    double[] expected = expected(one, 2);
    each(
        operands -> one.run(operands, 1),
        found -> {
          for (int i = 0; i < expected.length; i++) {
            assertThat((double) found.data()[i]).isCloseTo(expected[i], within(1e-5));
          }
        });
  }

  private static double[] expected(Case of, int sequences) {
    DeltaShape shape = of.shape;
    int size = shape.keySize();
    double[] all = new double[of.v.elements() + of.state.elements()];
    for (int head = 0; head < sequences * shape.heads(); head++) {
      int within = head % shape.heads();
      int keys = within / (shape.heads() / shape.keyHeads()) * size;
      for (int j = 0; j < shape.valueSize(); j++) {
        double[] state = new double[size];
        for (int i = 0; i < size; i++) {
          state[i] = at(of.state, head * size + i, j);
        }
        int first = head / shape.heads() * shape.sequenceLength();
        int column = within * shape.valueSize() + j;
        for (int t = first; t < first + shape.sequenceLength(); t++) {
          double product = 0;
          for (int i = 0; i < size; i++) {
            state[i] *= at(of.decay, t, within);
            product += at(of.k, t, keys + i) * state[i];
          }
          double change = at(of.correction, t, within) * (at(of.v, t, column) - product);
          double result = 0;
          for (int i = 0; i < size; i++) {
            state[i] += at(of.k, t, keys + i) * change;
            result += at(of.q, t, keys + i) * state[i];
          }
          all[t * of.v.columns() + column] = result;
        }
        for (int i = 0; i < size; i++) {
          all[of.v.elements() + (head * size + i) * shape.valueSize() + j] = state[i];
        }
      }
    }
    return all;
  }

  @Test
  void tokensMayComeOneByOne() {
    Case one = Case.of(new Samples(5), 1, new DeltaShape(6, 1, 2, 9, 37));
    int[] expected;
    try (Operands operands = new Operands(scalar())) {
      expected = Samples.bits(one.run(operands, 1));
    }
    each(
        operands -> one.run(operands, 6),
        found -> assertThat(Samples.bits(found)).isEqualTo(expected));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1, 1",
    "2, 5, 2, 6, 9, 33",
    "1, 17, 1, 3, 16, 16",
    "3, 2, 3, 3, 128, 128",
    "1, 4, 2, 4, 31, 300",
    "700, 1, 1, 2, 2, 5"
  })
  void everySizeGivesTheSameBits(
      int sequences, int length, int keyHeads, int heads, int keySize, int valueSize) {
    DeltaShape shape = new DeltaShape(length, keyHeads, heads, keySize, valueSize);
    Case one = Case.of(new Samples(valueSize), sequences, shape);
    sameBits("deltaRule", operands -> one.run(operands, 1));
  }
}
