package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.cpu.CpuTensor;
import io.github.wandacuda.backend.cpu.ForwardKernels;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.WeightMatrix;
import java.util.Arrays;

/** The forward kernels on vectors, equal to the scalar ones bit for bit at every vector width. */
public final class VectorForward implements ForwardKernels {
  private final VectorLinear linear = new VectorLinear();
  private final VectorAttention attention = new VectorAttention();

  /** Creates kernels with no buffers yet. */
  public VectorForward() {}

  @Override
  public void linear(CpuTensor x, WeightMatrix w, CpuTensor bias, CpuTensor out, Workers workers) {
    linear.linear(x, w, bias, out, workers);
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
    attention.attention(q, k, v, shape, keyBias, out, workers);
  }

  @Override
  public void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    for (int row = from; row < to; row++) {
      VectorRows.layerNorm(
          x.data(),
          x.at(row),
          gain.data(),
          gain.at(0),
          bias == null ? null : bias.data(),
          bias == null ? 0 : bias.at(0),
          epsilon,
          x.columns(),
          out.data(),
          out.at(row));
    }
  }

  @Override
  public void activate(Activation activation, CpuTensor x, CpuTensor out, int from, int to) {
    VectorActivation.gate(
        activation,
        x.data(),
        x.at(from),
        null,
        0,
        out.data(),
        out.at(from),
        (to - from) * x.columns());
  }

  @Override
  public void scale(CpuTensor x, float factor, int from, int to) {
    VectorElements.scale(x.data(), x.at(from), factor, (to - from) * x.columns());
  }

  @Override
  public void softcap(CpuTensor x, float cap, int from, int to) {
    VectorElements.softcap(x.data(), x.at(from), cap, (to - from) * x.columns());
  }

  @Override
  public void addRow(CpuTensor x, int row, float factor, CpuTensor out, int to) {
    VectorElements.addScaled(x.data(), x.at(row), factor, out.data(), out.at(to), x.columns());
  }

  @Override
  public void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    for (int row = from; row < to; row++) {
      VectorRows.rmsNorm(
          x.data(),
          x.at(row),
          gain.data(),
          gain.at(0),
          epsilon,
          x.columns(),
          out.data(),
          out.at(row));
    }
  }

  @Override
  public void rotate(CpuTensor x, int headSize, CpuTensor cos, CpuTensor sin, int from, int to) {
    for (int row = from; row < to; row++) {
      int position = row % cos.rows();
      int end = x.at(row) + x.columns();
      for (int head = x.at(row); head < end; head += headSize) {
        VectorElements.rotate(
            x.data(),
            head,
            cos.columns(),
            cos.data(),
            cos.at(position),
            sin.data(),
            sin.at(position));
      }
    }
  }

  @Override
  public void gate(
      Activation activation, CpuTensor gate, CpuTensor up, CpuTensor out, int from, int to) {
    VectorActivation.gate(
        activation,
        gate.data(),
        gate.at(from),
        up.data(),
        up.at(from),
        out.data(),
        out.at(from),
        (to - from) * gate.columns());
  }

  @Override
  public void add(CpuTensor x, CpuTensor y, int from, int to) {
    VectorElements.add(x.data(), x.at(from), y.data(), y.at(from), (to - from) * x.columns());
  }

  @Override
  public void columnSquares(CpuTensor x, double[] sums, int from, int to) {
    float[] squares = new float[to - from];
    for (int run = 0; run < x.rows(); run += SQUARES_RUN) {
      Arrays.fill(squares, 0f);
      int end = Math.min(x.rows(), run + SQUARES_RUN);
      VectorElements.addSquares(x.data(), x.at(run) + from, x.columns(), end - run, squares);
      for (int c = from; c < to; c++) {
        sums[c] += squares[c - from];
      }
    }
  }

  @Override
  public double crossEntropy(CpuTensor logits, int row, int target) {
    float[] data = logits.data();
    int at = logits.at(row);
    float max = VectorRows.max(data, at, logits.columns());
    float sum = VectorRows.sumOfExponentials(data, at, logits.columns(), max);
    return Math.log(sum) + ((double) max - data[at + target]);
  }
}
