package io.github.wandacuda.model.llama;

import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.backend.Weight;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderWeights;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/** A LLaMA over a checkpoint: embedding, blocks, final norm and head. */
final class LlamaDecoder implements Decoder {
  /**
   * Rows of logits at a time: a row is as wide as the vocabulary, so a whole sequence's would be
   * gigabytes.
   */
  private static final int LOGIT_ROWS = 128;

  private final LlamaConfig config;
  private final Operations operations;
  private final DecoderWeights weights;
  private final LlamaNames names;
  private final Workspace workspace;
  private final RotaryTables rotary;
  private final Tensor finalNorm;
  private final Arena arena = Arena.ofShared();
  private Head head;

  LlamaDecoder(LlamaConfig config, Checkpoint checkpoint, Operations operations) {
    this.config = config;
    this.operations = operations;
    weights = new DecoderWeights(checkpoint, operations);
    names = LlamaNames.of(weights);
    workspace = new Workspace(operations, config);
    rotary = new RotaryTables(config.rotary(), weights);
    finalNorm = weights.vector(names.finalNorm(), config.hiddenSize());
  }

  /** What only logits need: the weight, and room for {@link #LOGIT_ROWS} of them. */
  private record Head(Weight weight, Tensor normed, Tensor logits) implements AutoCloseable {
    @Override
    public void close() {
      weight.close();
      normed.close();
      logits.close();
    }
  }

  @Override
  public int blocks() {
    return config.blocks();
  }

  @Override
  public List<String> linearModules() {
    return names.linears(config.blocks());
  }

  @Override
  public int hiddenSize() {
    return config.hiddenSize();
  }

  @Override
  public void embed(int[] tokens, Tensor hidden) {
    int vocabulary = config.vocabulary();
    try (Arena rows = Arena.ofShared();
        Weight table =
            operations.weight(
                weights.rows(names.embedding(), vocabulary, config.hiddenSize(), tokens, rows))) {
      operations.embed(table, IntStream.range(0, tokens.length).toArray(), hidden);
    }
  }

  @Override
  public Block block(int index) {
    Objects.checkIndex(index, config.blocks());
    return new LlamaBlock(index, names, weights, operations, config, workspace, rotary);
  }

  @Override
  public double[] nextTokenLosses(Tensor hidden, int[] tokens) {
    if (hidden.rows() != tokens.length) {
      throw new IllegalArgumentException(
          "%d hidden states for %d tokens".formatted(hidden.rows(), tokens.length));
    }
    double[] losses = new double[tokens.length - 1];
    for (int from = 0; from < losses.length; from += LOGIT_ROWS) {
      int count = Math.min(LOGIT_ROWS, losses.length - from);
      Tensor scores = logits(hidden.rows(from, count));
      int[] targets = Arrays.copyOfRange(tokens, from + 1, from + 1 + count);
      System.arraycopy(operations.crossEntropy(scores, targets), 0, losses, from, count);
    }
    return losses;
  }

  /**
   * Returns the head, loaded when first needed. One that the checkpoint lacks is tied to the
   * embedding.
   */
  private Head head() {
    if (head == null) {
      int vocabulary = config.vocabulary();
      int hidden = config.hiddenSize();
      String name = weights.has(names.head()) ? names.head() : names.embedding();
      head =
          new Head(
              weights.matrix(name, vocabulary, hidden, arena),
              operations.tensor(LOGIT_ROWS, hidden),
              operations.tensor(LOGIT_ROWS, vocabulary));
    }
    return head;
  }

  /** Returns the logits of at most {@link #LOGIT_ROWS} hidden states, valid until the next call. */
  Tensor logits(Tensor hidden) {
    Tensor states = head().normed().rows(0, hidden.rows());
    Tensor scores = head().logits().rows(0, hidden.rows());
    operations.rmsNorm(hidden, finalNorm, config.epsilon(), states);
    operations.linear(states, head().weight(), null, scores);
    return scores;
  }

  @Override
  public void close() {
    workspace.close();
    rotary.close();
    finalNorm.close();
    if (head != null) {
      head.close();
    }
    arena.close();
  }
}
