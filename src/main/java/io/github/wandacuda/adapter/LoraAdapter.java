package io.github.wandacuda.adapter;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A LoRA adapter in the directory that PEFT's {@code save_pretrained} wrote, open for reading.
 *
 * @param path the directory
 * @param config its {@code adapter_config.json}
 * @param file its {@code adapter_model.safetensors}
 * @param modules the modules that it changes, in code-point order of their names
 */
public record LoraAdapter(
    Path path, AdapterConfig config, SafetensorsFile file, List<LoraModule> modules)
    implements AutoCloseable {
  /** The name of the file with the adapter's tensors. */
  public static final String WEIGHTS = "adapter_model.safetensors";

  private static final String PICKLED = "adapter_model.bin";

  /** Takes a copy of the list. */
  public LoraAdapter {
    modules = List.copyOf(modules);
  }

  /**
   * Opens an adapter and finds its modules in a model.
   *
   * @throws InputException if a file is missing or broken, a tensor is no part of a LoRA pair, or a
   *     pair doesn't fit the model
   */
  public static LoraAdapter open(Path directory, ModelDirectory model) {
    AdapterConfig config = AdapterConfig.read(directory);
    Path weights = directory.resolve(WEIGHTS);
    if (!Files.exists(weights) && Files.exists(directory.resolve(PICKLED))) {
      throw ErrorDetails.file(directory.resolve(PICKLED))
          .hint("load it with PEFT and save it with safe_serialization=True")
          .wrong(WEIGHTS, "a pickle, which may run code when it is read");
    }
    SafetensorsFile file = SafetensorsFile.open(weights);
    try {
      return new LoraAdapter(directory, config, file, new LoraPairs(config, file, model).modules());
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /** Returns whether a file of the model's directory is one of the adapter's. */
  public boolean owns(Path other) throws IOException {
    return Files.isSameFile(other, config.file()) || Files.isSameFile(other, file.path());
  }

  @Override
  public void close() {
    file.close();
  }
}
