package io.github.wandacuda.scalar;

import io.github.wandacuda.DType;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.ColumnGroups;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;

/** The forward kernels as plain loops, the specification of every other implementation. */
public final class ScalarForward implements CpuForwardKernels {
  /** The factor of QUICK_GELU. */
  public static final float QUICK = 1.702f;

  /** 2 * sqrt(2 / pi), of GELU_TANH. */
  public static final float TWICE_ROOT = 0x1.988454p0f;

  /** The cubic term's factor, of GELU_TANH. */
  public static final float CUBIC = 0.044715f;

  private static final int FEATURES_PER_TASK = 16;
  private static final int COLUMNS_PER_TASK = 16;

  @Override
  public void linear(CpuTensor x, RowReader w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    workers.runRanges(
        w.rows(),
        FEATURES_PER_TASK,
        (worker, from, to) -> {
          float[] row = new float[w.columns()];
          for (int o = from; o < to; o++) {
            w.read(o, 0, row.length, row, 0);
            feature(x, row, o, bias, out);
          }
        });
  }

  @Override
  public Optional<PackedWeight> pack(RowReader w, WorkerPool workers) {
    return Optional.empty();
  }

  @Override
  public void linear(
      CpuTensor x, PackedWeight w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    throw new IllegalArgumentException("a weight that these kernels didn't pack");
  }

  @Override
  public void round(float[] x, int at, int count, MemorySegment to, long offset) {
    for (int i = 0; i < count; i++) {
      DType.BF16.put(to, offset + (long) i * DType.BF16.bytes(), x[at + i]);
    }
  }

  @Override
  public void attention(AttentionOperands<CpuTensor> operands, WorkerPool workers) {
    ScalarAttention.attention(operands, workers);
  }

  /**
   * Looks up the rows of tokens for rows {@code from} to {@code to - 1} of {@code out}.
   *
   * @param tokens the row of the table for each row of {@code out}
   */
  public static void embed(WeightMatrix table, int[] tokens, CpuTensor out, int from, int to) {
    for (int t = from; t < to; t++) {
      table.read(tokens[t], 0, out.columns(), out.data(), out.at(t));
    }
  }

  @Override
  public void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    for (int t = from; t < to; t++) {
      normalize(x, 0f, gain, null, epsilon, out, t);
    }
  }

  @Override
  public void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    for (int t = from; t < to; t++) {
      float[] lanes = new float[LaneSum.LANES];
      for (int c = 0; c < x.columns(); c++) {
        lanes[c % LaneSum.LANES] += x.data()[x.at(t) + c];
      }
      normalize(x, LaneSum.combine(lanes) / x.columns(), gain, bias, epsilon, out, t);
    }
  }

  private static void normalize(
      CpuTensor x,
      float mean,
      CpuTensor gain,
      CpuTensor bias,
      float epsilon,
      CpuTensor out,
      int t) {
    float[] lanes = new float[LaneSum.LANES];
    for (int c = 0; c < x.columns(); c++) {
      float difference = x.data()[x.at(t) + c] - mean;
      lanes[c % LaneSum.LANES] += difference * difference;
    }
    float variance = LaneSum.combine(lanes) / x.columns();
    float factor = 1f / (float) Math.sqrt(variance + epsilon);
    for (int c = 0; c < x.columns(); c++) {
      float normal = (x.data()[x.at(t) + c] - mean) * factor;
      float gained = normal * gain.data()[gain.at(t % gain.rows()) + c];
      out.data()[out.at(t) + c] = bias == null ? gained : gained + bias.data()[bias.at(0) + c];
    }
  }

  @Override
  public void rotate(
      CpuTensor x, RotaryPairs pairs, CpuTensor cos, CpuTensor sin, int from, int to) {
    int distance = pairs.distance(cos.columns());
    float[] data = x.data();
    for (int t = from; t < to; t++) {
      int position = t % cos.rows();
      for (int head = 0; head < x.columns(); head += pairs.headSize()) {
        for (int i = 0; i < cos.columns(); i++) {
          int at = x.at(t) + head + pairs.first() + i * pairs.step();
          float c = cos.data()[cos.at(position) + i];
          float s = sin.data()[sin.at(position) + i];
          float a = data[at];
          float b = data[at + distance];
          data[at] = a * c - b * s;
          data[at + distance] = b * c + a * s;
        }
      }
    }
  }

  @Override
  public void convolve(
      CpuTensor x, CpuTensor weights, int sequenceLength, CpuTensor out, int from, int to) {
    convolve(x, weights, sequenceLength, out, from, to, 0);
  }

  /** Convolves the columns from {@code first} on, of rows {@code from} to {@code to - 1}. */
  public static void convolve(
      CpuTensor x,
      CpuTensor weights,
      int sequenceLength,
      CpuTensor out,
      int from,
      int to,
      int first) {
    for (int t = from; t < to; t++) {
      int row = firstRow(x, weights, sequenceLength, out, t);
      int start = firstTerm(x, sequenceLength, out, t, row);
      for (int c = first; c < out.columns(); c++) {
        float sum = 0;
        for (int j = start; j < weights.rows(); j++) {
          sum = Math.fma(weights.data()[weights.at(j) + c], x.data()[x.at(row + j) + c], sum);
        }
        out.data()[out.at(t) + c] = sum;
      }
    }
  }

  /**
   * Returns the row of x by which a convolution's first weight is multiplied. It may be before the
   * sequence's first row, even negative.
   *
   * @param t the row of {@code out}
   */
  public static int firstRow(
      CpuTensor x, CpuTensor weights, int sequenceLength, CpuTensor out, int t) {
    int rows = x.rows() / (out.rows() / sequenceLength);
    return t / sequenceLength * rows
        + (rows - sequenceLength)
        + t % sequenceLength
        - (weights.rows() - 1);
  }

  /**
   * Returns the first weight of a convolution whose row is in the sequence.
   *
   * @param t the row of {@code out}
   * @param row what {@link #firstRow} returned
   */
  public static int firstTerm(CpuTensor x, int sequenceLength, CpuTensor out, int t, int row) {
    int rows = x.rows() / (out.rows() / sequenceLength);
    return Math.max(0, t / sequenceLength * rows - row);
  }

  @Override
  public void deltaRule(DeltaOperands<CpuTensor> operands, int task) {
    ScalarDeltaRule.run(operands, task, 0, operands.shape().valueSize());
  }

  @Override
  public void elementwise(
      Elementwise operation, CpuTensor x, CpuTensor y, CpuTensor out, int from, int to) {
    elements(operation, x, y, out, from * x.columns(), to * x.columns());
  }

  /** Applies the operation to elements {@code first} to {@code end - 1}, counted row by row. */
  public static void elements(
      Elementwise operation, CpuTensor x, CpuTensor y, CpuTensor out, int first, int end) {
    for (int i = first; i < end; i++) {
      float value = of(operation, x.data()[x.at(0) + i], y.data()[y.at(0) + i]);
      out.data()[out.at(0) + i] = value;
    }
  }

  private static float of(Elementwise operation, float x, float y) {
    return switch (operation) {
      case Activation activation -> of(activation, x);
      case Elementwise.Gate gate -> of(gate.activation(), x) * y;
      case Elementwise.ClampedGate gate -> {
        float limit = gate.limit();
        float g = x > limit ? limit : x;
        float u = y > limit ? limit : y;
        yield of(Activation.QUICK_GELU, g) * ((u < -limit ? -limit : u) + 1f);
      }
      case Elementwise.Add add -> x + y;
      case Elementwise.Scale scale -> x * scale.factor();
      case Elementwise.Clamp clamp ->
          x < clamp.low() ? clamp.low() : x > clamp.high() ? clamp.high() : x;
      case Elementwise.Xielu xielu -> of(xielu, x);
      case Elementwise.Softcap softcap -> softcap.cap() * Tanh.of(x / softcap.cap());
    };
  }

  private static float of(Activation activation, float x) {
    return switch (activation) {
      case SILU -> x / (1f + Exponential.exp(-x));
      case QUICK_GELU -> x / (1f + Exponential.exp(-(QUICK * x)));
      case GELU_TANH -> x / (1f + Exponential.exp(-(TWICE_ROOT * Math.fma(CUBIC * x * x, x, x))));
      case GELU -> {
        float tail = NormalTail.of(Math.abs(x));
        yield x * (x < 0 ? tail : 1f - tail);
      }
      case RELU -> x < 0 ? 0f : x;
      case SIGMOID -> 1f / (1f + Exponential.exp(-x));
      case RELU_SQUARED -> x < 0 ? 0f : x * x;
    };
  }

  private static float of(Elementwise.Xielu xielu, float x) {
    float linear = xielu.beta() * x;
    if (x > 0) {
      return xielu.positive() * x * x + linear;
    }
    float bounded = x > xielu.epsilon() ? xielu.epsilon() : x;
    return (Exponential.exp(bounded) - 1f - x) * xielu.negative() + linear;
  }

  /**
   * Copies groups of columns in one row.
   *
   * @param row of {@code source} and of {@code out}
   */
  public static void gatherColumns(CpuTensor source, ColumnGroups groups, CpuTensor out, int row) {
    for (int i = 0; i < groups.count(); i++) {
      int from = source.at(row) + groups.from() + i * groups.fromStride();
      int to = out.at(row) + groups.to() + i * groups.toStride();
      System.arraycopy(source.data(), from, out.data(), to, groups.width());
    }
  }

  @Override
  public void addRow(CpuTensor x, int row, float factor, CpuTensor out, int to) {
    for (int c = 0; c < x.columns(); c++) {
      out.data()[out.at(to) + c] += factor * x.data()[x.at(row) + c];
    }
  }

  @Override
  public void columnSquares(CpuTensor x, double[] sums, int from, int to) {
    float[] squares = new float[to - from];
    for (int run = 0; run < x.rows(); run += SQUARES_RUN) {
      Arrays.fill(squares, 0f);
      for (int t = run; t < Math.min(x.rows(), run + SQUARES_RUN); t++) {
        for (int c = from; c < to; c++) {
          float value = x.data()[x.at(t) + c];
          squares[c - from] += value * value;
        }
      }
      for (int c = from; c < to; c++) {
        sums[c] += squares[c - from];
      }
    }
  }

  @Override
  public void secondMoments(CpuTensor x, MemorySegment sums, WorkerPool workers) {
    workers.runRanges(
        x.columns(),
        COLUMNS_PER_TASK,
        (worker, from, to) -> {
          for (int i = from; i < to; i++) {
            for (int run = 0; run < x.rows(); run += RUN) {
              addRun(x, run, i, sums);
            }
          }
        });
  }

  @Override
  public double crossEntropy(CpuTensor logits, int row, int target) {
    float[] l = logits.data();
    int at = logits.at(row);
    float max = Float.NEGATIVE_INFINITY;
    for (int c = 0; c < logits.columns(); c++) {
      max = l[at + c] > max ? l[at + c] : max;
    }
    float[] lanes = new float[LaneSum.LANES];
    for (int c = 0; c < logits.columns(); c++) {
      lanes[c % LaneSum.LANES] += Exponential.exp(l[at + c] - max);
    }
    return Math.log(LaneSum.combine(lanes)) + ((double) max - l[at + target]);
  }

  private static void feature(CpuTensor x, float[] row, int o, CpuTensor bias, CpuTensor out) {
    for (int t = 0; t < x.rows(); t++) {
      float sum = dot(x.data(), x.at(t), row, 0, row.length);
      out.data()[out.at(t) + o] = bias == null ? sum : sum + bias.data()[bias.at(0) + o];
    }
  }

  /** Returns the sum of products in runs, as {@link #RUN} says. */
  static float dot(float[] a, int aOffset, float[] b, int bOffset, int count) {
    float sum = 0;
    for (int run = 0; run < count; run += RUN) {
      float chain = 0;
      for (int i = run; i < Math.min(count, run + RUN); i++) {
        chain = Math.fma(a[aOffset + i], b[bOffset + i], chain);
      }
      sum = run == 0 ? chain : sum + chain;
    }
    return sum;
  }

  /** Adds one run's products of column i and each column from i on. */
  private static void addRun(CpuTensor x, int run, int i, MemorySegment sums) {
    float[] chains = new float[x.columns() - i];
    for (int t = run; t < Math.min(x.rows(), run + RUN); t++) {
      int at = x.at(t) + i;
      for (int j = 0; j < chains.length; j++) {
        chains[j] = Math.fma(x.data()[at], x.data()[at + j], chains[j]);
      }
    }
    long to = PackedTriangle.rowStart(x.columns(), i);
    for (int j = 0; j < chains.length; j++) {
      double sum = sums.getAtIndex(ValueLayout.JAVA_DOUBLE, to + j) + chains[j];
      sums.setAtIndex(ValueLayout.JAVA_DOUBLE, to + j, sum);
    }
  }

  /** Attention as plain loops, one head of one token at a time. */
  private record ScalarAttention(AttentionOperands<CpuTensor> of, AttentionShape shape) {
    static void attention(AttentionOperands<CpuTensor> of, WorkerPool workers) {
      AttentionShape shape = of.shape();
      ScalarAttention attention = new ScalarAttention(of, shape);
      workers.run(
          of.q().rows() / shape.queries() * shape.heads(),
          (worker, task) -> {
            float[] p = new float[shape.sequenceLength()];
            for (int i = shape.past(); i < shape.sequenceLength(); i++) {
              attention.attend(task / shape.heads(), i, task % shape.heads(), p);
            }
          });
    }

    /**
     * Computes attention of one head of token {@code i} of a sequence.
     *
     * @param p memory for a score of each of the sequence's keys
     */
    private void attend(int sequence, int i, int head, float[] p) {
      CpuTensor q = of.q();
      CpuTensor k = of.k();
      CpuTensor sinks = of.sinks();
      int start = sequence * shape.sequenceLength();
      int query = sequence * shape.queries() + i - shape.past();
      int size = shape.headSize();
      int column = head * size;
      int shared = head / (shape.heads() / shape.keyValueHeads()) * size;
      int first = shape.firstKey(i);
      float sink = sinks == null ? Float.NEGATIVE_INFINITY : sinks.data()[sinks.at(0) + head];
      float max = sink;
      for (int j = first; j <= i; j++) {
        float product =
            ScalarForward.dot(
                q.data(), q.at(query) + column, k.data(), k.at(start + j) + shared, size);
        p[j] = score(product, head, j);
        max = p[j] > max ? p[j] : max;
      }
      float sum = exponentials(p, first, i, max);
      sum = sinks == null ? sum : sum + Exponential.exp(sink - max);
      for (int d = 0; d < size; d++) {
        float total = weighted(p, first, i, start, shared + d);
        of.out().data()[of.out().at(query) + column + d] = total / sum;
      }
    }

    private float score(float product, int head, int j) {
      float score = product * shape.scale();
      if (shape.softcap() > 0) {
        score = shape.softcap() * Tanh.of(score / shape.softcap());
      }
      CpuTensor keyBias = of.keyBias();
      return keyBias == null ? score : score + keyBias.data()[keyBias.at(head) + j];
    }

    /**
     * Replaces each score of keys {@code first} to {@code last} by exp(score - max), and returns
     * their sum.
     */
    private static float exponentials(float[] p, int first, int last, float max) {
      float[] lanes = new float[LaneSum.LANES];
      for (int j = first; j <= last; j++) {
        p[j] = Exponential.exp(p[j] - max);
        lanes[j % LaneSum.LANES] += p[j];
      }
      return LaneSum.combine(lanes);
    }

    private float weighted(float[] p, int first, int last, int start, int column) {
      int firstRun = first / RUN * RUN;
      float sum = 0;
      for (int run = firstRun; run <= last; run += RUN) {
        float chain = 0;
        for (int j = Math.max(first, run); j <= Math.min(last, run + RUN - 1); j++) {
          chain = Math.fma(p[j], of.v().data()[of.v().at(start + j) + column], chain);
        }
        sum = run == firstRun ? chain : sum + chain;
      }
      return sum;
    }
  }
}
