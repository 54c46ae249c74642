package io.github.wandacuda.scalar;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The forward kernels as plain loops, the specification of every other implementation. Each
 * operation is in the class of its name.
 */
public final class ScalarForward implements CpuForwardKernels {
  @Override
  public void linear(
      CpuTensor x, WeightMatrix w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    ScalarLinear.linear(x, w, bias, out, workers);
  }

  @Override
  public Optional<PackedWeight> pack(WeightMatrix w, WorkerPool workers) {
    return Optional.empty();
  }

  @Override
  public void linear(
      CpuTensor x, PackedWeight w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    throw new IllegalArgumentException("a weight that these kernels didn't pack");
  }

  @Override
  public void round(float[] x, int at, int count, MemorySegment to, long offset) {
    ScalarRound.round(x, at, count, to, offset);
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
    ScalarAttention.attention(q, k, v, shape, keyBias, out, workers);
  }

  @Override
  public void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    ScalarRmsNorm.rmsNorm(x, gain, epsilon, out, from, to);
  }

  @Override
  public void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    ScalarLayerNorm.layerNorm(x, gain, bias, epsilon, out, from, to);
  }

  @Override
  public void rotate(CpuTensor x, int headSize, CpuTensor cos, CpuTensor sin, int from, int to) {
    ScalarRotate.rotate(x, headSize, cos, sin, from, to);
  }

  @Override
  public void activate(Activation activation, CpuTensor x, CpuTensor out, int from, int to) {
    ScalarActivate.activate(activation, x, out, from, to);
  }

  @Override
  public void gate(
      Activation activation, CpuTensor gate, CpuTensor up, CpuTensor out, int from, int to) {
    ScalarActivate.gate(activation, gate, up, out, from, to);
  }

  @Override
  public void add(CpuTensor x, CpuTensor y, int from, int to) {
    ScalarElementwise.add(x, y, from, to);
  }

  @Override
  public void scale(CpuTensor x, float factor, int from, int to) {
    ScalarElementwise.scale(x, factor, from, to);
  }

  @Override
  public void softcap(CpuTensor x, float cap, int from, int to) {
    ScalarElementwise.softcap(x, cap, from, to);
  }

  @Override
  public void addRow(CpuTensor x, int row, float factor, CpuTensor out, int to) {
    ScalarExpertRows.addRow(x, row, factor, out, to);
  }

  @Override
  public void columnSquares(CpuTensor x, double[] sums, int from, int to) {
    ScalarColumnSquares.columnSquares(x, sums, from, to);
  }

  @Override
  public void secondMoments(CpuTensor x, MemorySegment sums, WorkerPool workers) {
    ScalarSecondMoments.secondMoments(x, sums, workers);
  }

  @Override
  public double crossEntropy(CpuTensor logits, int row, int target) {
    return ScalarCrossEntropy.crossEntropy(logits, row, target);
  }
}
