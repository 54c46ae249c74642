package io.github.wandacuda.model;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.system.Workers;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A decoder on several devices that compute the same bits, each with its own copy of a block. All
 * but {@link #block} and {@link #readAhead} is done by the first one.
 */
final class DecoderGroup implements Decoder {
  private final List<Decoder> copies;
  private final Workers loaders;

  /**
   * Puts decoders together.
   *
   * @param copies the same decoder on each device, closed with the group
   */
  public DecoderGroup(List<Decoder> copies) {
    this.copies = List.copyOf(copies);
    loaders = new Workers(copies.size());
  }

  private Decoder first() {
    return copies.get(0);
  }

  @Override
  public int blocks() {
    return first().blocks();
  }

  @Override
  public List<String> linearModules() {
    return first().linearModules();
  }

  @Override
  public Operations operations() {
    return first().operations();
  }

  @Override
  public List<Decoder> copies() {
    return copies;
  }

  @Override
  public int hiddenSize() {
    return first().hiddenSize();
  }

  @Override
  public void embed(int[] tokens, int sequenceLength, Tensor hidden) {
    first().embed(tokens, sequenceLength, hidden);
  }

  @Override
  public void embedNext(int[] tokens, int past, Tensor hidden) {
    first().embedNext(tokens, past, hidden);
  }

  @Override
  public KeyValueCache cache(int capacity) {
    return first().cache(capacity);
  }

  @Override
  public Block block(int index) {
    Block[] blocks = new Block[copies.size()];
    try {
      loaders.run(blocks.length, (worker, copy) -> blocks[copy] = copies.get(copy).block(index));
      return new Copies(List.of(blocks));
    } catch (RuntimeException | Error e) {
      Stream.of(blocks).filter(block -> block != null).forEach(Block::close);
      throw e;
    }
  }

  @Override
  public void readAhead(int index) {
    copies.forEach(copy -> copy.readAhead(index));
  }

  @Override
  public double[] nextTokenLosses(Tensor hidden, int[] tokens) {
    return first().nextTokenLosses(hidden, tokens);
  }

  @Override
  public double[] losses(Tensor hidden, int[] targets) {
    return first().losses(hidden, targets);
  }

  @Override
  public Tensor logits(Tensor hidden) {
    return first().logits(hidden);
  }

  @Override
  public void close() {
    loaders.close();
    copies.forEach(Decoder::close);
  }

  /** A block on each device. */
  private record Copies(List<Block> copies) implements Block {
    private Block first() {
      return copies.get(0);
    }

    @Override
    public void forward(Tensor hidden, int sequenceLength, InputObserver observer) {
      first().forward(hidden, sequenceLength, observer);
    }

    @Override
    public void extend(Tensor hidden, KeyValueCache cache) {
      first().extend(hidden, cache);
    }

    @Override
    public void observe(Tensor hidden, int sequenceLength, InputObserver observer) {
      first().observe(hidden, sequenceLength, observer);
    }

    @Override
    public Map<String, Integer> inputFeatures() {
      return first().inputFeatures();
    }

    /** The first device's; the others have theirs. */
    @Override
    public Weight weight(String module) {
      return first().weight(module);
    }

    @Override
    public void replace(String module, WeightMatrix weight) {
      copies.forEach(copy -> copy.replace(module, weight));
    }

    @Override
    public void close() {
      copies.forEach(Block::close);
    }
  }
}
