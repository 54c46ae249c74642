package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * A Hugging Face model directory, open for reading.
 *
 * @param modules the linear modules inside its decoder blocks, in code-point order of their names
 */
public record ModelDirectory(
    Path path, ModelConfig config, Checkpoint checkpoint, List<LinearModule> modules)
    implements AutoCloseable {
  /** Ends of the names of tensors that quantize activations, which nothing here does. */
  private static final List<String> ACTIVATION_SCALES =
      List.of(".input_scale", ".activation_scale", ".input_global_scale");

  /**
   * Opens a model directory. Of a packed one everything is that of the model that it stands for,
   * whose weights are unpacked as they are read.
   */
  public static ModelDirectory open(Path path) {
    return open(path, null);
  }

  /**
   * Opens a model directory whose family a file may describe.
   *
   * @param family the family, or null for the one that the config names
   * @throws io.github.wandacuda.error.InputException if a file is missing or isn't what it should
   *     be
   */
  public static ModelDirectory open(Path path, ModelConfig.GivenFamily family) {
    ModelConfig config = ModelConfig.read(path);
    if (family != null) {
      config = config.of(family);
    }
    Checkpoint checkpoint =
        Checkpoint.open(path, config.packed() ? PackedShard::unpacked : PackedShard::requireDense);
    return new ModelDirectory(path, config, checkpoint, LinearModules.of(config, checkpoint));
  }

  /** Counts weights and other numbers, but for scales and what else tells of codes. */
  public long parameters() {
    return parameters(name -> true);
  }

  /** Counts those inside of blocks. */
  public long blockParameters() {
    return parameters(name -> LinearModules.block(name).isPresent());
  }

  private long parameters(Predicate<String> counted) {
    long stored =
        checkpoint
            .tensors()
            .map(Checkpoint.Entry::info)
            .filter(info -> counted.test(info.name()))
            .filter(info -> ACTIVATION_SCALES.stream().noneMatch(info.name()::endsWith))
            .mapToLong(TensorInfo::elements)
            .sum();
    // Modules are inside of blocks, all of their tensors are.
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

  public boolean isPacked() {
    return config.packed();
  }

  /**
   * Checks that the weights are stored as they are.
   *
   * @param use what needs that, such as {@code prune}
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
