package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.OnFailure;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * What one expert of a mixture reads, and what is missing behind the whole mixture, of the tokens
 * that the router sends to it, in their order. Each token has its row, so that a sample is any
 * {@value #LENGTH} of them one after the other; the last few tokens, which aren't as many, belong
 * to no sample.
 */
public final class ExpertSamples implements FitSamples, AutoCloseable {
  /** Tokens of a sample: an expert's part of a sequence, at the usual rates of routers. */
  public static final int LENGTH = 32;

  private final Operations operations;
  private final HiddenStates inputs;
  private final HiddenStates targets;
  private final int hiddenSize;
  private final int[] tokens;
  private final float[] factors;

  /**
   * Copies an expert's tokens.
   *
   * @param allInputs what the mixture reads of all tokens
   * @param allTargets what is missing behind it
   * @param tokens the expert's, ascending
   * @param factors the router's weight of the expert for each of them
   */
  ExpertSamples(
      Operations operations,
      HiddenStates allInputs,
      HiddenStates allTargets,
      int hiddenSize,
      int[] tokens,
      float[] factors) {
    this.operations = operations;
    this.hiddenSize = hiddenSize;
    this.tokens = tokens;
    this.factors = factors;
    inputs = new HiddenStates(operations, tokens.length, hiddenSize);
    targets = new HiddenStates(operations, tokens.length, hiddenSize);
    OnFailure.run(
        this::close,
        () -> {
          try (Tensor row = operations.tensor(1, hiddenSize)) {
            for (int at = 0; at < tokens.length; at++) {
              copy(allInputs, tokens[at], inputs, at, row);
              copy(allTargets, tokens[at], targets, at, row);
            }
          }
        });
  }

  private static void copy(
      HiddenStates from, long read, HiddenStates to, long written, Tensor row) {
    from.read(read, row);
    to.write(written, row);
  }

  /** Returns how many tokens were sent to the expert. */
  public int tokens() {
    return tokens.length;
  }

  /**
   * Copies what the expert reads of some of its tokens.
   *
   * @param from the first of them
   * @param input [tokens, hidden size]
   */
  public void readTokens(int from, Tensor input) {
    inputs.read(from, input);
  }

  /**
   * Adds the expert's weighed output to what is missing, so that the expert is to make up for it
   * too, or takes it away.
   *
   * @param from the first token
   * @param output [tokens, hidden size], the expert's, before the factors
   * @param sign 1 or -1
   */
  public void addToTargets(int from, Tensor output, int sign) {
    int count = output.rows();
    float[] weights = Arrays.copyOfRange(factors, from, from + count);
    for (int at = 0; at < count; at++) {
      weights[at] *= sign;
    }
    try (Tensor rows = operations.tensor(count, hiddenSize)) {
      targets.read(from, rows);
      operations.addRows(output, IntStream.range(0, count).toArray(), weights, rows);
      targets.write(from, rows);
    }
  }

  /**
   * Writes what is missing now back to where it was copied from.
   *
   * @param allTargets of all tokens
   */
  void writeTargets(HiddenStates allTargets) {
    try (Tensor row = operations.tensor(1, hiddenSize)) {
      for (int at = 0; at < tokens.length; at++) {
        copy(targets, at, allTargets, tokens[at], row);
      }
    }
  }

  @Override
  public int samples() {
    return tokens.length / LENGTH;
  }

  @Override
  public int sequenceLength() {
    return LENGTH;
  }

  @Override
  public int hiddenSize() {
    return hiddenSize;
  }

  @Override
  public void readInput(int sample, Tensor input) {
    inputs.read((long) sample * LENGTH, input);
  }

  @Override
  public void readTarget(int sample, Tensor target) {
    targets.read((long) sample * LENGTH, target);
  }

  @Override
  public float factor(int sample, int token) {
    return factors[sample * LENGTH + token];
  }

  @Override
  public void close() {
    inputs.close();
    targets.close();
  }
}
