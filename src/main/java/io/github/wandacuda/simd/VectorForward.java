package io.github.wandacuda.simd;

import static io.github.wandacuda.scalar.ScalarForward.CUBIC;
import static io.github.wandacuda.scalar.ScalarForward.QUICK;
import static io.github.wandacuda.scalar.ScalarForward.TWICE_ROOT;
import static io.github.wandacuda.simd.Lanes.constant;
import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.PackedWeight;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The forward kernels on vectors, equal to the scalar ones bit for bit at every vector width.
 * Operations that are more than a loop have a class of their own. Elements behind the last whole
 * vector are computed one by one.
 */
public final class VectorForward implements CpuForwardKernels {
  /** As many shorts as a vector has ints. */
  private static final VectorSpecies<Short> HALVES =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Lanes.COUNT * Short.SIZE));

  /** Half a unit of the last bit that is kept, minus 1, for rounding to nearest. */
  private static final int BELOW_HALF = 0x7fff;

  /** Set in a NaN, so that it stays one when its lower bits are dropped. */
  private static final int QUIET = 0x40_0000;

  /** Rows whose squares are added at a time. */
  private static final int ROWS = 8;

  /** Computes the elements behind the last whole vector. */
  private static final CpuForwardKernels REST = new ScalarForward();

  private final VectorLinear linear = new VectorLinear();
  private final VectorLinearRows fewRows = new VectorLinearRows();
  private final VectorAttention attention = new VectorAttention();
  private final VectorSecondMoments moments = new VectorSecondMoments();

  @Override
  public void linear(CpuTensor x, RowReader w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    linear.linear(x, w, bias, out, workers);
  }

  @Override
  public Optional<PackedWeight> pack(RowReader w, WorkerPool workers) {
    return switch (w) {
      case WeightMatrix matrix -> Optional.of(FeatureBlocks.of(matrix, workers));
      case QuantizedMatrix codes -> CodeBlocks.of(codes, workers);
    };
  }

  @Override
  public void linear(
      CpuTensor x, PackedWeight w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    boolean few = x.rows() <= VectorLinearRows.MOST_ROWS;
    if (w instanceof CodeBlocks codes) {
      if (few) {
        fewRows.linear(x, codes, bias, out, workers);
      } else {
        linear.linear(x, codes::read, bias, out, workers);
      }
      return;
    }
    FeatureBlocks blocks = (FeatureBlocks) w;
    if (few) {
      fewRows.linear(x, blocks, bias, out, workers);
    } else {
      linear.linear(x, blocks, bias, out, workers);
    }
  }

  @Override
  public void round(float[] x, int at, int count, MemorySegment to, long offset) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector values = FloatVector.fromArray(Lanes.FLOATS, x, at + i);
      VectorMask<Integer> nan = values.test(VectorOperators.IS_NAN).cast(Lanes.INTS);
      IntVector bits = values.reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, Short.SIZE).and(1);
      IntVector rounded = bits.add(odd).add(BELOW_HALF).blend(bits.or(QUIET), nan);
      rounded
          .lanewise(VectorOperators.LSHR, Short.SIZE)
          .convertShape(VectorOperators.I2S, HALVES, 0)
          .intoMemorySegment(to, offset + (long) i * Short.BYTES, ByteOrder.nativeOrder());
    }
    REST.round(x, at + whole, count - whole, to, offset + (long) whole * Short.BYTES);
  }

  @Override
  public void attention(AttentionOperands<CpuTensor> operands, WorkerPool workers) {
    attention.attention(operands, workers);
  }

  @Override
  public void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    VectorNorms.rmsNorm(x, gain, epsilon, out, from, to);
  }

  @Override
  public void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    VectorNorms.layerNorm(x, gain, bias, epsilon, out, from, to);
  }

  @Override
  public void rotate(
      CpuTensor x, RotaryPairs pairs, CpuTensor cos, CpuTensor sin, int from, int to) {
    if (pairs.interleaved()) {
      // Other pairs are rotated one by one: this takes little time beside the linear layers before
      // it.
      REST.rotate(x, pairs, cos, sin, from, to);
      return;
    }
    for (int row = from; row < to; row++) {
      int position = row % cos.rows();
      int end = x.at(row) + x.columns();
      for (int head = x.at(row); head < end; head += pairs.headSize()) {
        rotate(
            x.data(),
            head + pairs.first(),
            cos.columns(),
            cos.data(),
            cos.at(position),
            sin.data(),
            sin.at(position));
      }
    }
  }

  /** Rotates one head's halves, {@code half} elements each. */
  private static void rotate(
      float[] x, int at, int half, float[] cos, int cosAt, float[] sin, int sinAt) {
    int whole = Lanes.FLOATS.loopBound(half);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector c = load(cos, cosAt + i);
      FloatVector s = load(sin, sinAt + i);
      FloatVector a = load(x, at + i);
      FloatVector b = load(x, at + half + i);
      a.mul(c).sub(b.mul(s)).intoArray(x, at + i);
      b.mul(c).add(a.mul(s)).intoArray(x, at + half + i);
    }
    for (int i = whole; i < half; i++) {
      float c = cos[cosAt + i];
      float s = sin[sinAt + i];
      float a = x[at + i];
      float b = x[at + half + i];
      x[at + i] = a * c - b * s;
      x[at + half + i] = b * c + a * s;
    }
  }

  @Override
  public void convolve(
      CpuTensor x, CpuTensor weights, int sequenceLength, CpuTensor out, int from, int to) {
    int whole = Lanes.FLOATS.loopBound(out.columns());
    for (int t = from; t < to; t++) {
      int row = ScalarForward.firstRow(x, weights, sequenceLength, out, t);
      int start = ScalarForward.firstTerm(x, sequenceLength, out, t, row);
      for (int c = 0; c < whole; c += Lanes.COUNT) {
        FloatVector sum = FloatVector.zero(Lanes.FLOATS);
        for (int j = start; j < weights.rows(); j++) {
          FloatVector weight = load(weights.data(), weights.at(j) + c);
          sum = weight.fma(load(x.data(), x.at(row + j) + c), sum);
        }
        sum.intoArray(out.data(), out.at(t) + c);
      }
    }
    ScalarForward.convolve(x, weights, sequenceLength, out, from, to, whole);
  }

  @Override
  public void deltaRule(DeltaOperands<CpuTensor> operands, int task) {
    VectorDeltaRule.run(operands, task);
  }

  @Override
  public void elementwise(
      Elementwise operation, CpuTensor x, CpuTensor y, CpuTensor out, int from, int to) {
    int first = from * x.columns();
    int end = to * x.columns();
    int whole = Lanes.FLOATS.loopBound(end - first);
    float[] a = x.data();
    int at = x.at(from);
    float[] b = y.data();
    int bAt = y.at(from);
    float[] c = out.data();
    int cAt = out.at(from);
    switch (operation) {
      case Activation activation -> activate(activation, a, at, null, 0, c, cAt, whole);
      case Elementwise.Gate gate -> activate(gate.activation(), a, at, b, bAt, c, cAt, whole);
      case Elementwise.ClampedGate gate -> clampedGate(gate.limit(), a, at, b, bAt, c, cAt, whole);
      case Elementwise.Add add -> add(a, at, b, bAt, c, cAt, whole);
      case Elementwise.Scale scale -> scale(scale.factor(), a, at, c, cAt, whole);
      case Elementwise.Clamp clamp -> clamp(clamp.low(), clamp.high(), a, at, c, cAt, whole);
      case Elementwise.Xielu xielu -> xielu(xielu, a, at, c, cAt, whole);
      case Elementwise.Softcap softcap -> softcap(softcap.cap(), a, at, c, cAt, whole);
    }
    ScalarForward.elements(operation, x, y, out, first + whole, end);
  }

  private static void clampedGate(
      float limit, float[] x, int xAt, float[] y, int yAt, float[] out, int outAt, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector gate = load(x, xAt + i);
      gate = gate.blend(limit, gate.compare(VectorOperators.GT, limit));
      FloatVector up = load(y, yAt + i);
      up = up.blend(limit, up.compare(VectorOperators.GT, limit));
      up = up.blend(-limit, up.compare(VectorOperators.LT, -limit));
      sigmoid(gate, gate.mul(QUICK)).mul(up.add(1f)).intoArray(out, outAt + i);
    }
  }

  private static void add(
      float[] x, int xAt, float[] y, int yAt, float[] out, int outAt, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      load(x, xAt + i).add(load(y, yAt + i)).intoArray(out, outAt + i);
    }
  }

  private static void scale(float factor, float[] x, int at, float[] out, int outAt, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      load(x, at + i).mul(factor).intoArray(out, outAt + i);
    }
  }

  private static void clamp(
      float low, float high, float[] x, int at, float[] out, int outAt, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector value = load(x, at + i);
      value
          .blend(high, value.compare(VectorOperators.GT, high))
          .blend(low, value.compare(VectorOperators.LT, low))
          .intoArray(out, outAt + i);
    }
  }

  private static void xielu(
      Elementwise.Xielu of, float[] x, int at, float[] out, int outAt, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector value = load(x, at + i);
      FloatVector linear = value.mul(of.beta());
      FloatVector square = value.mul(of.positive()).mul(value);
      FloatVector bounded =
          value.blend(of.epsilon(), value.compare(VectorOperators.GT, of.epsilon()));
      FloatVector rest = VectorMath.exp(bounded).sub(1f).sub(value).mul(of.negative());
      rest.blend(square, value.compare(VectorOperators.GT, 0f))
          .add(linear)
          .intoArray(out, outAt + i);
    }
  }

  private static void softcap(float cap, float[] x, int at, float[] out, int outAt, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMath.softcap(load(x, at + i), cap).intoArray(out, outAt + i);
    }
  }

  /**
   * Computes {@code out = activation(x) * up}. Each kind has a loop of its own, so that the JIT
   * compiles it without a branch inside.
   *
   * @param up null for 1
   */
  private static void activate(
      Activation activation,
      float[] x,
      int xAt,
      float[] up,
      int upAt,
      float[] out,
      int outAt,
      int count) {
    switch (activation) {
      case SILU -> {
        for (int i = 0; i < count; i += Lanes.COUNT) {
          FloatVector value = load(x, xAt + i);
          store(sigmoid(value, value), up, upAt + i, out, outAt + i);
        }
      }
      case QUICK_GELU -> {
        for (int i = 0; i < count; i += Lanes.COUNT) {
          FloatVector value = load(x, xAt + i);
          store(sigmoid(value, value.mul(QUICK)), up, upAt + i, out, outAt + i);
        }
      }
      case GELU_TANH -> {
        for (int i = 0; i < count; i += Lanes.COUNT) {
          FloatVector value = load(x, xAt + i);
          FloatVector cubic = value.mul(CUBIC).mul(value).fma(value, value);
          store(sigmoid(value, cubic.mul(TWICE_ROOT)), up, upAt + i, out, outAt + i);
        }
      }
      case GELU -> {
        for (int i = 0; i < count; i += Lanes.COUNT) {
          store(gelu(load(x, xAt + i)), up, upAt + i, out, outAt + i);
        }
      }
      case RELU -> {
        for (int i = 0; i < count; i += Lanes.COUNT) {
          FloatVector value = load(x, xAt + i);
          store(positive(value, value), up, upAt + i, out, outAt + i);
        }
      }
      case RELU_SQUARED -> {
        for (int i = 0; i < count; i += Lanes.COUNT) {
          FloatVector value = load(x, xAt + i);
          store(positive(value, value.mul(value)), up, upAt + i, out, outAt + i);
        }
      }
      case SIGMOID -> {
        for (int i = 0; i < count; i += Lanes.COUNT) {
          store(sigmoid(constant(1f), load(x, xAt + i)), up, upAt + i, out, outAt + i);
        }
      }
    }
  }

  /** Returns x / (1 + exp(-u)). */
  private static FloatVector sigmoid(FloatVector x, FloatVector u) {
    return x.div(VectorMath.exp(u.neg()).add(1f));
  }

  /** Returns the value in lanes in which x isn't negative, else 0. */
  private static FloatVector positive(FloatVector x, FloatVector value) {
    return value.blend(0f, x.compare(VectorOperators.LT, 0f));
  }

  private static FloatVector gelu(FloatVector x) {
    FloatVector tail = VectorMath.normalTail(x.abs());
    FloatVector rest = constant(1f).sub(tail);
    return x.mul(rest.blend(tail, x.compare(VectorOperators.LT, 0f)));
  }

  private static void store(FloatVector value, float[] up, int upAt, float[] out, int outAt) {
    (up == null ? value : value.mul(load(up, upAt))).intoArray(out, outAt);
  }

  @Override
  public void addRow(CpuTensor x, int row, float factor, CpuTensor out, int to) {
    addScaled(x.data(), x.at(row), factor, out.data(), out.at(to), x.columns());
  }

  private static void addScaled(
      float[] x, int xAt, float factor, float[] sum, int sumAt, int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      load(sum, sumAt + i).add(load(x, xAt + i).mul(factor)).intoArray(sum, sumAt + i);
    }
    for (int i = whole; i < count; i++) {
      sum[sumAt + i] += factor * x[xAt + i];
    }
  }

  @Override
  public void columnSquares(CpuTensor x, double[] sums, int from, int to) {
    float[] squares = new float[to - from];
    for (int run = 0; run < x.rows(); run += SQUARES_RUN) {
      Arrays.fill(squares, 0f);
      int end = Math.min(x.rows(), run + SQUARES_RUN);
      int row = run;
      for (; row + ROWS <= end; row += ROWS) {
        addEightSquares(x.data(), x.at(row) + from, x.columns(), squares);
      }
      for (; row < end; row++) {
        addSquares(x.data(), x.at(row) + from, 0, squares);
      }
      for (int c = from; c < to; c++) {
        sums[c] += squares[c - from];
      }
    }
  }

  /**
   * Adds the squares of eight rows to a sum for each column, in the order of the rows, while the
   * sums stay in registers.
   *
   * @param stride elements from a row to the next
   */
  private static void addEightSquares(float[] x, int at, int stride, float[] sums) {
    int whole = Lanes.FLOATS.loopBound(sums.length);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      int from = at + i;
      FloatVector sum = load(sums, i).add(square(x, from)).add(square(x, from + stride));
      sum = sum.add(square(x, from + 2 * stride)).add(square(x, from + 3 * stride));
      sum = sum.add(square(x, from + 4 * stride)).add(square(x, from + 5 * stride));
      sum = sum.add(square(x, from + 6 * stride)).add(square(x, from + 7 * stride));
      sum.intoArray(sums, i);
    }
    for (int row = 0; row < ROWS; row++) {
      addSquares(x, at + row * stride, whole, sums);
    }
  }

  private static FloatVector square(float[] x, int at) {
    FloatVector value = load(x, at);
    return value.mul(value);
  }

  /** Adds the squares of a row from a column on; the JIT makes vectors of this loop. */
  private static void addSquares(float[] x, int at, int first, float[] sums) {
    for (int i = first; i < sums.length; i++) {
      sums[i] += x[at + i] * x[at + i];
    }
  }

  @Override
  public void secondMoments(CpuTensor x, MemorySegment sums, WorkerPool workers) {
    moments.secondMoments(x, sums, workers);
  }

  @Override
  public double crossEntropy(CpuTensor logits, int row, int target) {
    return VectorNorms.crossEntropy(logits, row, target);
  }
}
