package io.github.wandacuda.bench.cases;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.bench.common.CheckpointShape;
import io.github.wandacuda.bench.common.ModelFiles;
import io.github.wandacuda.bench.common.ModelShape;
import io.github.wandacuda.bench.common.OptShape;
import io.github.wandacuda.evaluate.CachedDecoder;
import io.github.wandacuda.evaluate.PackedSpeed;
import io.github.wandacuda.evaluate.Sampler;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Path;

/** Generates tokens after a prompt, in a model of random BF16 weights. */
public final class GenerateCase implements AutoCloseable {
  private static final long SHARD_BYTES = 1L << 30;
  private static final String OPT = "opt-";

  private final CheckpointShape shape;
  private final ModelDirectory model;
  private final Backend backend;
  private final WeightKeeping keeping;
  private final Decoder decoder;
  private final CachedDecoder cached;
  private final int promptTokens;
  private final int newTokens;
  private int token;

  /**
   * Writes the model and runs the prompt.
   *
   * @param model what {@link #shape} reads
   * @param newTokens those of a generation, after which the next begins at the prompt's end
   */
  public GenerateCase(Path folder, String model, int promptTokens, int newTokens, int threads) {
    this(written(folder, shape(model)), shape(model), promptTokens, newTokens, threads);
  }

  private static Path written(Path folder, CheckpointShape shape) {
    Path directory = folder.resolve("generate");
    new ModelFiles(shape).writeModel(directory, SHARD_BYTES);
    return directory;
  }

  /** Takes a model that is there, dense or packed, and runs the prompt. */
  public static GenerateCase of(
      Path directory, CheckpointShape shape, int promptTokens, int newTokens, int threads) {
    return new GenerateCase(directory, shape, promptTokens, newTokens, threads);
  }

  private GenerateCase(
      Path directory, CheckpointShape shape, int promptTokens, int newTokens, int threads) {
    this.shape = shape;
    this.promptTokens = promptTokens;
    this.newTokens = newTokens;
    model = ModelDirectory.open(directory);
    backend = Backends.open("cpu", 0, threads).backend();
    keeping =
        PackedSpeed.measure(model, backend.operations())
            .map(PackedSpeed::faster)
            .orElse(WeightKeeping.RESIDENT);
    decoder = DecoderFamilies.of(model.config()).open(model, backend.operations(), keeping);
    cached = new CachedDecoder(decoder, promptTokens + newTokens);
    int[] prompt = new int[promptTokens];
    for (int i = 0; i < promptTokens; i++) {
      prompt[i] = i * 7919 % shape.vocabulary();
    }
    token = Sampler.GREEDY.choose(cached.next(prompt));
  }

  /**
   * Returns the shape of a model.
   *
   * @param model layers x hidden x intermediate x heads x key and value heads x vocabulary of a
   *     LLaMA; after {@code opt-} those of an OPT, which has no key and value heads of its own
   */
  public static CheckpointShape shape(String model) {
    if (model.startsWith(OPT)) {
      int[] sizes = Matrices.sizes(model.substring(OPT.length()));
      return new OptShape(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]);
    }
    int[] sizes = Matrices.sizes(model);
    return new ModelShape(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]);
  }

  /** Returns how {@code generate} would keep the weights of this model on this machine. */
  public WeightKeeping keeping() {
    return keeping;
  }

  /** Returns the latest token. */
  public int token() {
    return token;
  }

  /** Generates the next token. */
  public void run() {
    if (cached.length() == promptTokens + newTokens) {
      cached.truncate(promptTokens);
    }
    token = Sampler.GREEDY.choose(cached.next(token));
  }

  /** Returns the bytes of the weights that a token reads. */
  public long bytes() {
    return shape.tokenBytes();
  }

  @Override
  public void close() {
    cached.close();
    decoder.close();
    backend.close();
    model.close();
  }
}
