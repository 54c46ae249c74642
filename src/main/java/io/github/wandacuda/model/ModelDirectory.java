package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.gguf.GgufCheckpoint;
import io.github.wandacuda.checkpoint.gguf.GgufTokenizer;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.text.TokenizerFile;
import io.github.wandacuda.text.TokenizerSource;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * A Hugging Face model directory, open for reading.
 *
 * @param path the directory
 * @param config its {@code config.json}
 * @param checkpoint its weights
 * @param modules the linear modules inside its decoder blocks, in code-point order of their names
 * @param tokenizer by which text becomes its token ids; it may be missing, and nothing of it is
 *     read before there is text
 */
public record ModelDirectory(
    Path path,
    ModelConfig config,
    Checkpoint checkpoint,
    List<LinearModule> modules,
    TokenizerSource tokenizer)
    implements AutoCloseable {
  /** Endings of the names of tensors that quantize activations; nothing here quantizes these. */
  private static final List<String> ACTIVATION_SCALES =
      List.of(".input_scale", ".activation_scale", ".input_global_scale");

  /**
   * Opens a model directory. A packed one is opened as the model that was packed: config, tensors
   * and modules are that model's, and its weights are unpacked as they are read.
   *
   * @throws io.github.wandacuda.error.InputException if its config or weights are missing or broken
   */
  public static ModelDirectory open(Path path) {
    return open(path, null);
  }

  /**
   * Opens a model directory, perhaps of a family that a file describes.
   *
   * @param family the family, or null for the one that the config names
   * @throws io.github.wandacuda.error.InputException if a file is missing or isn't what it should
   *     be
   */
  public static ModelDirectory open(Path path, ModelConfig.GivenFamily family) {
    if (Files.isRegularFile(path) && GgufCheckpoint.is(path)) {
      return ofGguf(path, family);
    }
    ModelConfig config = ModelConfig.read(path).of(family);
    Checkpoint checkpoint =
        Checkpoint.open(path, config.packed() ? PackedShard::unpacked : PackedShard::requireDense);
    return new ModelDirectory(
        path, config, checkpoint, LinearModules.of(config, checkpoint), TokenizerFile.in(path));
  }

  private static ModelDirectory ofGguf(Path path, ModelConfig.GivenFamily family) {
    GgufCheckpoint gguf = GgufCheckpoint.open(path);
    return OnFailure.close(
        gguf.checkpoint()::close,
        () -> {
          ModelConfig config = new ModelConfig(path, gguf.config()).of(family);
          return new ModelDirectory(
              path,
              config,
              gguf.checkpoint(),
              LinearModules.of(config, gguf.checkpoint()),
              GgufTokenizer.of(gguf.checkpoint()));
        });
  }

  /** Returns the same model with another tokenizer. */
  public ModelDirectory withTokenizer(TokenizerSource other) {
    return new ModelDirectory(path, config, checkpoint, modules, other);
  }

  /**
   * Returns the same model with the tokenizer of another place.
   *
   * @param given a {@code tokenizer.json}, a directory that holds one, or a model in GGUF
   * @throws InputException if there is no such file, or it is in GGUF and broken
   */
  public ModelDirectory withTokenizer(Path given) {
    Path file = Files.isDirectory(given) ? TokenizerFile.in(given).file() : given;
    InputFile.require(file);
    return withTokenizer(
        GgufCheckpoint.is(file) ? GgufTokenizer.open(file) : new TokenizerFile(file));
  }

  /**
   * Returns the number of the model's weights and other parameters. Codes count as the weights that
   * they stand for; scales and zero points don't count.
   */
  public long parameters() {
    return parameters(name -> true);
  }

  /** Returns how many of the parameters are inside of blocks. */
  public long blockParameters() {
    return parameters(name -> LinearModules.block(name).isPresent());
  }

  /** Counts the parameters of tensors by their names. */
  private long parameters(Predicate<String> counted) {
    long stored =
        checkpoint
            .tensors()
            .map(Checkpoint.Entry::info)
            .filter(info -> counted.test(info.name()))
            .filter(info -> ACTIVATION_SCALES.stream().noneMatch(info.name()::endsWith))
            .mapToLong(TensorInfo::elements)
            .sum();
    // A module's codes are counted with its block: all tensors of a module are inside of it.
    long coded =
        modules.stream()
            .filter(module -> !module.isPlain() && module.isRead())
            .mapToLong(
                module ->
                    module.elements()
                        - module.quantized().tensors().mapToLong(TensorInfo::elements).sum())
            .sum();
    return stored + coded;
  }

  /** Returns the file that describes the family, or null for none. */
  public Path family() {
    return config.family() == null ? null : config.family().file();
  }

  /** Returns whether the model is a file in GGUF, or several of a split one. */
  public boolean isGguf() {
    return GgufCheckpoint.is(checkpoint);
  }

  /** Returns how many bytes the model's weights take where they are stored, headers included. */
  public long storedBytes() {
    return isGguf() ? GgufCheckpoint.fileBytes(checkpoint) : checkpoint.totalBytes();
  }

  /**
   * Checks that the model is a directory.
   *
   * @param use what needs that, such as {@code pack}
   * @throws io.github.wandacuda.error.InputException if it is in GGUF
   */
  public void requireDirectory(String use) {
    if (isGguf()) {
      throw ErrorDetails.file(path)
          .hint("take the model's own folder of .safetensors files")
          .wrong("a model directory, for " + use, "a GGUF file");
    }
  }

  /** Returns whether the weights are stored packed. */
  public boolean isPacked() {
    return config.packed();
  }

  /**
   * Checks that the weights are stored unpacked.
   *
   * @param use what needs that, such as {@code prune}
   * @throws io.github.wandacuda.error.InputException if they are packed
   */
  public void requireUnpacked(String use) {
    if (isPacked()) {
      throw ErrorDetails.file(path)
          .hint("unpack it first")
          .wrong("weights that aren't packed, for " + use, PackedFormat.FORMAT);
    }
  }

  /** Returns the linear modules by their names. */
  public Map<String, LinearModule> modulesByName() {
    return modules.stream().collect(Collectors.toMap(LinearModule::name, Function.identity()));
  }

  /**
   * Returns the modules that a choice selects.
   *
   * @throws InputException if the model has none at all
   */
  public List<LinearModule> choose(ModuleChoice choice) {
    if (modules.isEmpty()) {
      throw ErrorDetails.file(path)
          .hint("only linear modules inside the blocks of a language model are pruned")
          .wrong("matrices named ...layers.<n>....weight", "no linear modules");
    }
    return choice.of(modules);
  }

  @Override
  public void close() {
    checkpoint.close();
  }
}
