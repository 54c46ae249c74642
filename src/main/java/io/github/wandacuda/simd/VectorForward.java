package io.github.wandacuda.simd;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.PackedWeight;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The forward kernels on vectors, equal to the scalar ones bit for bit at every vector width. Each
 * operation is in the class of its name.
 */
public final class VectorForward implements CpuForwardKernels {
  private final VectorLinear linear = new VectorLinear();
  private final VectorLinearRows fewRows = new VectorLinearRows();
  private final VectorAttention attention = new VectorAttention();
  private final VectorSecondMoments moments = new VectorSecondMoments();

  /** Creates kernels with no buffers yet. */
  public VectorForward() {}

  @Override
  public void linear(
      CpuTensor x, WeightMatrix w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    linear.linear(x, w, bias, out, workers);
  }

  @Override
  public Optional<PackedWeight> pack(WeightMatrix w, WorkerPool workers) {
    return Optional.of(FeatureBlocks.of(w, workers));
  }

  @Override
  public void linear(
      CpuTensor x, PackedWeight w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    FeatureBlocks blocks = (FeatureBlocks) w;
    if (x.rows() <= VectorLinearRows.MOST_ROWS) {
      fewRows.linear(x, blocks, bias, out, workers);
    } else {
      linear.linear(x, blocks, bias, out, workers);
    }
  }

  @Override
  public void round(float[] x, int at, int count, MemorySegment to, long offset) {
    VectorRound.round(x, at, count, to, offset);
  }

  @Override
  public void attention(
      CpuTensor q,
      CpuTensor k,
      CpuTensor v,
      AttentionShape shape,
      CpuTensor keyBias,
      CpuTensor out,
      WorkerPool workers) {
    attention.attention(q, k, v, shape, keyBias, out, workers);
  }

  @Override
  public void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    VectorRmsNorm.rmsNorm(x, gain, epsilon, out, from, to);
  }

  @Override
  public void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    VectorLayerNorm.layerNorm(x, gain, bias, epsilon, out, from, to);
  }

  @Override
  public void rotate(CpuTensor x, int headSize, CpuTensor cos, CpuTensor sin, int from, int to) {
    VectorRotate.rotate(x, headSize, cos, sin, from, to);
  }

  @Override
  public void activate(Activation activation, CpuTensor x, CpuTensor out, int from, int to) {
    VectorActivate.activate(activation, x, out, from, to);
  }

  @Override
  public void gate(
      Activation activation, CpuTensor gate, CpuTensor up, CpuTensor out, int from, int to) {
    VectorActivate.gate(activation, gate, up, out, from, to);
  }

  @Override
  public void add(CpuTensor x, CpuTensor y, int from, int to) {
    VectorElementwise.add(x, y, from, to);
  }

  @Override
  public void scale(CpuTensor x, float factor, int from, int to) {
    VectorElementwise.scale(x, factor, from, to);
  }

  @Override
  public void softcap(CpuTensor x, float cap, int from, int to) {
    VectorElementwise.softcap(x, cap, from, to);
  }

  @Override
  public void addRow(CpuTensor x, int row, float factor, CpuTensor out, int to) {
    VectorExpertRows.addRow(x, row, factor, out, to);
  }

  @Override
  public void columnSquares(CpuTensor x, double[] sums, int from, int to) {
    VectorColumnSquares.columnSquares(x, sums, from, to);
  }

  @Override
  public void secondMoments(CpuTensor x, MemorySegment sums, WorkerPool workers) {
    moments.secondMoments(x, sums, workers);
  }

  @Override
  public double crossEntropy(CpuTensor logits, int row, int target) {
    return VectorCrossEntropy.crossEntropy(logits, row, target);
  }
}
