package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/** The decoder of all families, assembled as a description says. */
public final class DescribedDecoder implements Decoder {
  private final DecoderDescription description;
  private final Operations operations;
  private final DecoderWeights weights;
  private final List<String> linearModules;
  private final Workspace workspace;
  private final PositionTensors positions;
  private final Embedding embedding;
  private Head head;

  /** The next block's weights; null if none are read ahead. */
  private BlockAhead ahead;

  /**
   * Assembles a decoder.
   *
   * @param checkpoint its weights, read while the decoder is open
   * @param keeping whether blocks stay open and are run often, with few tokens at a time
   * @throws io.github.wandacuda.error.InputException if a tensor is missing or of the wrong shape
   */
  public DescribedDecoder(
      DecoderDescription description,
      Checkpoint checkpoint,
      Operations operations,
      WeightKeeping keeping) {
    this.description = description;
    this.operations = operations;
    weights =
        new DecoderWeights(
            DecoderTensors.of(checkpoint, description.prefixes(), description.embedding().table()),
            operations,
            keeping);
    linearModules = description.linears().map(weights.tensors()::require).toList();
    workspace = new Workspace(operations);
    positions = new PositionTensors(weights);
    embedding =
        new Embedding(
            weights, workspace, description.embedding(), description.shape().vocabulary());
  }

  @Override
  public int blocks() {
    return description.shape().blocks();
  }

  @Override
  public List<String> linearModules() {
    return linearModules;
  }

  @Override
  public Operations operations() {
    return operations;
  }

  @Override
  public int hiddenSize() {
    return description.shape().hiddenSize();
  }

  @Override
  public void embed(int[] tokens, int sequenceLength, Tensor hidden) {
    embedding.embed(tokens, Span.whole(sequenceLength), hidden);
  }

  @Override
  public void embedNext(int[] tokens, int past, Tensor hidden) {
    int length = past + tokens.length;
    embedding.embed(tokens, new Span(length, past, length, null), hidden);
  }

  @Override
  public KeyValueCache cache(int capacity) {
    List<Heads> heads =
        IntStream.range(0, blocks())
            .mapToObj(description.block())
            .map(block -> block.attention().heads())
            .toList();
    return new KeyValueCache(operations, heads, capacity);
  }

  @Override
  public Block block(int index) {
    Objects.checkIndex(index, blocks());
    BlockAhead.Arrival arrival = take(index);
    DecoderWeights having = weights.having(arrival.tensors(), arrival.weights());
    try {
      return new DescribedBlock(
          having, workspace, positions, description.block().apply(index), index, arrival.memory());
    } catch (RuntimeException | Error e) {
      arrival.close();
      throw e;
    } finally {
      having.dropArrived();
    }
  }

  private BlockAhead.Arrival take(int index) {
    try (BlockAhead latest = ahead) {
      ahead = null;
      return latest != null && latest.index() == index
          ? latest.take()
          : new BlockAhead.Arrival(Map.of());
    }
  }

  @Override
  public void readAhead(int index) {
    dropAhead();
    if (index < blocks()) {
      BlockDescription block = description.block().apply(index);
      ahead =
          DeviceBlockAhead.begin(weights, block, index)
              .<BlockAhead>map(device -> device)
              .orElseGet(() -> HostBlockAhead.begin(weights.tensors(), block, index));
    }
  }

  private void dropAhead() {
    if (ahead != null) {
      ahead.close();
      ahead = null;
    }
  }

  @Override
  public double[] nextTokenLosses(Tensor hidden, int[] tokens) {
    if (hidden.rows() != tokens.length) {
      throw new IllegalArgumentException(
          "%d hidden states for %d tokens".formatted(hidden.rows(), tokens.length));
    }
    int count = tokens.length - 1;
    return losses(hidden.rows(0, count), Arrays.copyOfRange(tokens, 1, tokens.length));
  }

  @Override
  public double[] losses(Tensor hidden, int[] targets) {
    if (hidden.rows() != targets.length) {
      throw new IllegalArgumentException(
          "%d hidden states for %d targets".formatted(hidden.rows(), targets.length));
    }
    double[] losses = new double[targets.length];
    for (int from = 0; from < losses.length; from += Head.ROWS) {
      int count = Math.min(Head.ROWS, losses.length - from);
      Tensor scores = logits(hidden.rows(from, count));
      int[] some = Arrays.copyOfRange(targets, from, from + count);
      System.arraycopy(operations.crossEntropy(scores, some), 0, losses, from, count);
    }
    return losses;
  }

  @Override
  public Tensor logits(Tensor hidden) {
    if (head == null) {
      head = new Head(weights, description);
    }
    return head.logits(hidden);
  }

  @Override
  public void close() {
    dropAhead();
    workspace.close();
    positions.close();
    embedding.close();
    if (head != null) {
      head.close();
    }
    weights.close();
  }

  /**
   * A decoder's head as a {@link HeadDescription} says, with its weights loaded and memory for
   * {@link #ROWS} rows of logits.
   */
  private static final class Head implements AutoCloseable {
    /**
     * Rows of logits at a time. A row is as wide as the vocabulary, so those of a whole sequence
     * would take gigabytes.
     */
    static final int ROWS = 128;

    private final Operations operations;
    private final HeadDescription description;
    private final Arena arena = Arena.ofShared();
    private final Norm norm;
    private final Linear projection;
    private final Weight weight;
    private final Tensor normed;
    private final Tensor projected;
    private final Tensor logits;

    Head(DecoderWeights weights, DecoderDescription decoder) {
      operations = weights.operations();
      description = decoder.head();
      int hidden = decoder.shape().hiddenSize();
      int vocabulary = decoder.shape().vocabulary();
      boolean own = weights.tensors().has(description.weight());
      String name =
          own ? description.weight() : weights.tensors().fullName(decoder.embedding().table());
      norm = Norm.orNull(weights, description.norm());
      projection =
          description.projection() == null
              ? null
              : new Linear(weights, description.projection(), arena);
      int width = projection == null ? hidden : projection.rows();
      weight = weights.matrix(name, vocabulary, width, arena);
      normed = operations.tensor(ROWS, hidden);
      projected = projection == null ? null : operations.tensor(ROWS, width);
      logits = operations.tensor(ROWS, vocabulary);
    }

    /** Returns the logits of at most {@link #ROWS} hidden states, valid until the next call. */
    Tensor logits(Tensor hidden) {
      Tensor states = hidden;
      if (norm != null) {
        states = normed.rows(0, hidden.rows());
        norm.apply(hidden, states);
      }
      if (projection != null) {
        Tensor narrow = projected.rows(0, hidden.rows());
        projection.apply(states, narrow);
        states = narrow;
      }
      Tensor scores = logits.rows(0, hidden.rows());
      operations.linear(states, weight, null, scores);
      if (description.softcap() > 0) {
        operations.elementwise(
            new Elementwise.Softcap(description.softcap()), scores, null, scores);
      }
      return scores;
    }

    @Override
    public void close() {
      Norm.close(norm);
      if (projection != null) {
        projection.close();
        projected.close();
      }
      weight.close();
      normed.close();
      logits.close();
      arena.close();
    }
  }
}
