package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.WeightMatrix;
import java.util.Arrays;

/** The forward kernels as plain loops: the specification of every other implementation. */
public final class ScalarForward implements ForwardKernels {
  private static final int FEATURES_PER_TASK = 16;

  @Override
  public void linear(CpuTensor x, WeightMatrix w, CpuTensor bias, CpuTensor out, Workers workers) {
    workers.runRanges(
        w.rows(),
        FEATURES_PER_TASK,
        (worker, from, to) -> {
          WeightReader reader = new WeightReader();
          float[] row = new float[w.columns()];
          for (int o = from; o < to; o++) {
            reader.read(w, o, 0, row.length, row, 0);
            feature(x, row, o, bias, out);
          }
        });
  }

  private static void feature(CpuTensor x, float[] row, int o, CpuTensor bias, CpuTensor out) {
    for (int t = 0; t < x.rows(); t++) {
      float sum = dot(x.data(), x.at(t), row, 0, row.length);
      out.data()[out.at(t) + o] = bias == null ? sum : sum + bias.data()[bias.at(0) + o];
    }
  }

  private static float dot(float[] a, int aOffset, float[] b, int bOffset, int count) {
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

  @Override
  public void attention(
      CpuTensor q, CpuTensor k, CpuTensor v, AttentionShape shape, CpuTensor out, Workers workers) {
    workers.run(
        q.rows() / shape.sequenceLength() * shape.heads(),
        (worker, task) -> {
          int start = task / shape.heads() * shape.sequenceLength();
          float[] p = new float[shape.sequenceLength()];
          for (int i = 0; i < shape.sequenceLength(); i++) {
            attend(q, k, v, shape, out, start, i, task % shape.heads(), p);
          }
        });
  }

  /** Attention of one head of token {@code i} of the sequence that begins in row {@code start}. */
  private static void attend(
      CpuTensor q,
      CpuTensor k,
      CpuTensor v,
      AttentionShape shape,
      CpuTensor out,
      int start,
      int i,
      int head,
      float[] p) {
    int size = shape.headSize();
    int column = head * size;
    int shared = head / (shape.heads() / shape.keyValueHeads()) * size;
    float max = Float.NEGATIVE_INFINITY;
    for (int j = 0; j <= i; j++) {
      float product =
          dot(q.data(), q.at(start + i) + column, k.data(), k.at(start + j) + shared, size);
      p[j] = product * shape.scale();
      max = p[j] > max ? p[j] : max;
    }
    float sum = exponentials(p, i + 1, max);
    for (int d = 0; d < size; d++) {
      float total = weighted(p, i + 1, v, start, shared + d);
      out.data()[out.at(start + i) + column + d] = total / sum;
    }
  }

  /** Replaces each of the first {@code count} scores by exp(score - max); returns their sum. */
  private static float exponentials(float[] p, int count, float max) {
    float[] lanes = new float[LaneSum.LANES];
    for (int j = 0; j < count; j++) {
      p[j] = Exponential.exp(p[j] - max);
      lanes[j % LaneSum.LANES] += p[j];
    }
    return LaneSum.combine(lanes);
  }

  private static float weighted(float[] p, int count, CpuTensor v, int start, int column) {
    float sum = 0;
    for (int run = 0; run < count; run += RUN) {
      float chain = 0;
      for (int j = run; j < Math.min(count, run + RUN); j++) {
        chain = Math.fma(p[j], v.data()[v.at(start + j) + column], chain);
      }
      sum = run == 0 ? chain : sum + chain;
    }
    return sum;
  }

  @Override
  public void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    int columns = x.columns();
    for (int t = from; t < to; t++) {
      float[] lanes = new float[LaneSum.LANES];
      for (int c = 0; c < columns; c++) {
        float value = x.data()[x.at(t) + c];
        lanes[c % LaneSum.LANES] += value * value;
      }
      float mean = LaneSum.combine(lanes) / columns;
      float factor = 1f / (float) Math.sqrt(mean + epsilon);
      for (int c = 0; c < columns; c++) {
        float normal = x.data()[x.at(t) + c] * factor;
        out.data()[out.at(t) + c] = normal * gain.data()[gain.at(0) + c];
      }
    }
  }

  @Override
  public void rotate(CpuTensor x, int headSize, CpuTensor cos, CpuTensor sin, int from, int to) {
    int half = headSize / 2;
    float[] data = x.data();
    for (int t = from; t < to; t++) {
      int position = t % cos.rows();
      for (int head = 0; head < x.columns(); head += headSize) {
        for (int i = 0; i < half; i++) {
          int at = x.at(t) + head + i;
          float c = cos.data()[cos.at(position) + i];
          float s = sin.data()[sin.at(position) + i];
          float a = data[at];
          float b = data[at + half];
          data[at] = a * c - b * s;
          data[at + half] = b * c + a * s;
        }
      }
    }
  }

  @Override
  public void siluMultiply(CpuTensor gate, CpuTensor up, CpuTensor out, int from, int to) {
    int count = (to - from) * gate.columns();
    for (int i = 0; i < count; i++) {
      float g = gate.data()[gate.at(from) + i];
      float silu = g / (1f + Exponential.exp(-g));
      out.data()[out.at(from) + i] = silu * up.data()[up.at(from) + i];
    }
  }

  @Override
  public void add(CpuTensor x, CpuTensor y, int from, int to) {
    int count = (to - from) * x.columns();
    for (int i = 0; i < count; i++) {
      x.data()[x.at(from) + i] += y.data()[y.at(from) + i];
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
}
