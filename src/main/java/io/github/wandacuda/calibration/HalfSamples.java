package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.InputObserver;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a half of a block reads of some samples, and what it is to put out for them: its input
 * behind the norm, which doesn't depend on the half's own weights, and what is missing behind it
 * beside the dense model's states. A row of each for each token.
 *
 * <p>Of a mixture it has what is missing behind the mixture as it is, and which tokens the router
 * sends to which expert.
 */
public final class HalfSamples implements FitSamples, AutoCloseable {
  private final Operations operations;
  private final int samples;
  private final int sequenceLength;
  private final int hiddenSize;
  private final HiddenStates inputs;
  private final HiddenStates targets;
  private final Map<String, List<Sent>> sent = new HashMap<>();

  /**
   * Tokens of a batch that were sent to an expert.
   *
   * @param tokens their numbers among all samples' tokens, ascending
   * @param factors the router's weight of the expert for each
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  private record Sent(int[] tokens, float[] factors) {}

  /**
   * Reserves memory for inputs.
   *
   * @param targets takes what the half is to put out; stays the caller's
   */
  HalfSamples(
      Operations operations, int samples, int sequenceLength, int hidden, HiddenStates targets) {
    this.operations = operations;
    this.samples = samples;
    this.sequenceLength = sequenceLength;
    hiddenSize = hidden;
    this.targets = targets;
    inputs = new HiddenStates(operations, (long) samples * sequenceLength, hidden);
  }

  /**
   * Adds a batch, the next one.
   *
   * @param rows the states before the half; undefined afterwards
   * @param aim the dense model's states behind it, which may be where the targets go
   * @param at the batch's first token
   * @param rest memory for as many rows
   */
  void add(Block block, Half half, Tensor rows, HiddenStates aim, long at, Tensor rest) {
    boolean mixture = half == Half.MLP && !block.experts().isEmpty();
    aim.read(at, rest);
    if (mixture) {
      block.forward(half, rows, sequenceLength, new MixtureInput(at));
    }
    // rest = (aim - rows) / factor, in operations that every backend has
    operations.elementwise(new Elementwise.Scale(-1), rest, null, rest);
    operations.elementwise(new Elementwise.Add(), rest, rows, rest);
    operations.elementwise(new Elementwise.Scale(-1 / block.factor(half)), rest, null, rest);
    targets.write(at, rest);
    if (!mixture) {
      block.observe(half, rows, sequenceLength, new FirstInput(at));
    }
  }

  /** Keeps the input that a half's first modules read; the others read what these make of it. */
  private class FirstInput implements InputObserver {
    final long at;
    private boolean seen;

    FirstInput(long at) {
      this.at = at;
    }

    @Override
    public void input(List<String> modules, Tensor input) {
      if (!seen) {
        inputs.write(at, input);
        seen = true;
      }
    }

    @Override
    public boolean wants(String output) {
      return false;
    }
  }

  /** Keeps a router's input, and where it sends the tokens. */
  private final class MixtureInput extends FirstInput {
    MixtureInput(long at) {
      super(at);
    }

    @Override
    public boolean wants(String output) {
      return true;
    }

    @Override
    public void sent(String output, int[] rows, float[] weights) {
      int[] tokens = rows.clone();
      for (int row = 0; row < tokens.length; row++) {
        tokens[row] = Math.toIntExact(at + rows[row]);
      }
      sent.computeIfAbsent(output, expert -> new ArrayList<>())
          .add(new Sent(tokens, weights.clone()));
    }
  }

  /** Returns how many tokens were sent to an expert, by its output module. */
  public int tokens(String output) {
    return sent.getOrDefault(output, List.of()).stream().mapToInt(some -> some.tokens.length).sum();
  }

  /**
   * Copies the tokens that were sent to an expert.
   *
   * @param output its output module
   * @return for the caller to close
   */
  public ExpertSamples expert(String output) {
    int count = tokens(output);
    int[] tokens = new int[count];
    float[] factors = new float[count];
    int at = 0;
    for (Sent some : sent.getOrDefault(output, List.of())) {
      System.arraycopy(some.tokens, 0, tokens, at, some.tokens.length);
      System.arraycopy(some.factors, 0, factors, at, some.factors.length);
      at += some.tokens.length;
    }
    return new ExpertSamples(operations, inputs, targets, hiddenSize, tokens, factors);
  }

  /** Takes over what is missing behind an expert's tokens. */
  public void replaceTargets(ExpertSamples of) {
    of.writeTargets(targets);
  }

  @Override
  public int samples() {
    return samples;
  }

  @Override
  public int sequenceLength() {
    return sequenceLength;
  }

  @Override
  public int hiddenSize() {
    return hiddenSize;
  }

  @Override
  public void readInput(int sample, Tensor input) {
    inputs.read((long) sample * sequenceLength, input);
  }

  /** Copies what the half is to put out for a sample, before the factor of its output. */
  @Override
  public void readTarget(int sample, Tensor target) {
    targets.read((long) sample * sequenceLength, target);
  }

  @Override
  public void close() {
    inputs.close();
  }
}
