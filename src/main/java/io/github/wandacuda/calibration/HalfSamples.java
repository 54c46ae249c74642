package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.InputObserver;
import java.util.List;

/**
 * What a half of a block reads of some samples, and what it is to put out for them: its input
 * behind the norm, which doesn't depend on the half's own weights, and what is missing behind it
 * beside the dense model's states. A row of each for each token.
 */
public final class HalfSamples implements AutoCloseable {
  private final Operations operations;
  private final int samples;
  private final int sequenceLength;
  private final int hiddenSize;
  private final HiddenStates inputs;
  private final HiddenStates targets;

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
   * Adds a batch.
   *
   * @param rows the states before the half; undefined afterwards
   * @param aim the dense model's states behind it, which may be where the targets go
   * @param at the batch's first token
   * @param rest memory for as many rows
   */
  void add(Block block, Half half, Tensor rows, HiddenStates aim, long at, Tensor rest) {
    aim.read(at, rest);
    // rest = (aim - rows) / factor, in operations that every backend has
    operations.elementwise(new Elementwise.Scale(-1), rest, null, rest);
    operations.elementwise(new Elementwise.Add(), rest, rows, rest);
    operations.elementwise(new Elementwise.Scale(-1 / block.factor(half)), rest, null, rest);
    targets.write(at, rest);
    block.observe(half, rows, sequenceLength, new FirstInput(at));
  }

  /** Keeps the input that a half's first modules read; the others read what these make of it. */
  private final class FirstInput implements InputObserver {
    private final long at;
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

  /** Returns how many samples there are. */
  public int samples() {
    return samples;
  }

  /** Returns the tokens of a sample. */
  public int sequenceLength() {
    return sequenceLength;
  }

  /** Returns the features of a token. */
  public int hiddenSize() {
    return hiddenSize;
  }

  /**
   * Copies what the half reads of a sample.
   *
   * @param input [sequenceLength, hidden size]
   */
  public void readInput(int sample, Tensor input) {
    inputs.read((long) sample * sequenceLength, input);
  }

  /**
   * Copies what the half is to put out for a sample, before the factor of its output.
   *
   * @param target [sequenceLength, hidden size]
   */
  public void readTarget(int sample, Tensor target) {
    targets.read((long) sample * sequenceLength, target);
  }

  @Override
  public void close() {
    inputs.close();
  }
}
