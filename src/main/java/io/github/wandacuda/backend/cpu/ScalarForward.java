package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Activation;
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

  /** Returns the sum of products in runs, as {@link ForwardKernels#RUN} says. */
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

  @Override
  public void attention(
      CpuTensor q,
      CpuTensor k,
      CpuTensor v,
      AttentionShape shape,
      CpuTensor keyBias,
      CpuTensor out,
      Workers workers) {
    ScalarAttention attention = new ScalarAttention(q, k, v, shape, keyBias, out);
    workers.run(
        q.rows() / shape.sequenceLength() * shape.heads(),
        (worker, task) -> {
          int start = task / shape.heads() * shape.sequenceLength();
          float[] p = new float[shape.sequenceLength()];
          for (int i = 0; i < shape.sequenceLength(); i++) {
            attention.attend(start, i, task % shape.heads(), p);
          }
        });
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
  public void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    int columns = x.columns();
    for (int t = from; t < to; t++) {
      float[] lanes = new float[LaneSum.LANES];
      for (int c = 0; c < columns; c++) {
        lanes[c % LaneSum.LANES] += x.data()[x.at(t) + c];
      }
      float mean = LaneSum.combine(lanes) / columns;
      Arrays.fill(lanes, 0f);
      for (int c = 0; c < columns; c++) {
        float difference = x.data()[x.at(t) + c] - mean;
        lanes[c % LaneSum.LANES] += difference * difference;
      }
      float variance = LaneSum.combine(lanes) / columns;
      float factor = 1f / (float) Math.sqrt(variance + epsilon);
      for (int c = 0; c < columns; c++) {
        float normal = (x.data()[x.at(t) + c] - mean) * factor;
        float gained = normal * gain.data()[gain.at(0) + c];
        out.data()[out.at(t) + c] = bias == null ? gained : gained + bias.data()[bias.at(0) + c];
      }
    }
  }

  @Override
  public void rotate(CpuTensor x, int headSize, CpuTensor cos, CpuTensor sin, int from, int to) {
    int pairs = cos.columns();
    float[] data = x.data();
    for (int t = from; t < to; t++) {
      int position = t % cos.rows();
      for (int head = 0; head < x.columns(); head += headSize) {
        for (int i = 0; i < pairs; i++) {
          int at = x.at(t) + head + i;
          float c = cos.data()[cos.at(position) + i];
          float s = sin.data()[sin.at(position) + i];
          float a = data[at];
          float b = data[at + pairs];
          data[at] = a * c - b * s;
          data[at + pairs] = b * c + a * s;
        }
      }
    }
  }

  @Override
  public void activate(Activation activation, CpuTensor x, CpuTensor out, int from, int to) {
    int count = (to - from) * x.columns();
    for (int i = 0; i < count; i++) {
      out.data()[out.at(from) + i] = ScalarActivation.of(activation, x.data()[x.at(from) + i]);
    }
  }

  @Override
  public void gate(
      Activation activation, CpuTensor gate, CpuTensor up, CpuTensor out, int from, int to) {
    int count = (to - from) * gate.columns();
    for (int i = 0; i < count; i++) {
      float activated = ScalarActivation.of(activation, gate.data()[gate.at(from) + i]);
      out.data()[out.at(from) + i] = activated * up.data()[up.at(from) + i];
    }
  }

  @Override
  public void scale(CpuTensor x, float factor, int from, int to) {
    int count = (to - from) * x.columns();
    for (int i = 0; i < count; i++) {
      x.data()[x.at(from) + i] *= factor;
    }
  }

  @Override
  public void softcap(CpuTensor x, float cap, int from, int to) {
    int count = (to - from) * x.columns();
    for (int i = 0; i < count; i++) {
      x.data()[x.at(from) + i] = cap * Tanh.of(x.data()[x.at(from) + i] / cap);
    }
  }

  @Override
  public void addRow(CpuTensor x, int row, float factor, CpuTensor out, int to) {
    for (int c = 0; c < x.columns(); c++) {
      out.data()[out.at(to) + c] += factor * x.data()[x.at(row) + c];
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
