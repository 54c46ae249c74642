package io.github.wandacuda.adapter;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.OnFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A LoRA adapter in the directory that PEFT's {@code save_pretrained} wrote, open for reading.
 *
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
    return OnFailure.close(
        file::close,
        () ->
            new LoraAdapter(directory, config, file, new LoraPairs(config, file, model).modules()));
  }

  /** Returns whether a file of the model's directory is one of the adapter's. */
  public boolean owns(Path other) throws IOException {
    return Files.isSameFile(other, config.file()) || Files.isSameFile(other, file.path());
  }

  @Override
  public void close() {
    file.close();
  }

  /** Joins the tensors of an adapter to pairs, and the pairs to the modules of a model. */
  private record LoraPairs(AdapterConfig config, SafetensorsFile file, ModelDirectory model) {
    private static final String BEFORE = "base_model.model.";
    private static final String A = ".lora_A.weight";
    private static final String B = ".lora_B.weight";

    /** What models with a head put before the names of a model without; checkpoints have either. */
    private static final List<String> BASES = List.of("model.", "transformer.", "gpt_neox.");

    /**
     * Returns the modules that the adapter changes, in code-point order of their names.
     *
     * @throws InputException if a tensor is no part of a pair, or a pair doesn't fit the model
     */
    List<LoraModule> modules() {
      SortedMap<String, TensorInfo> as = new TreeMap<>(TensorNames.ORDER);
      SortedMap<String, TensorInfo> bs = new TreeMap<>(TensorNames.ORDER);
      file.tensors().forEach(tensor -> sort(tensor, as, bs));
      as.forEach((name, a) -> requirePartner(a, name, bs, B));
      bs.forEach((name, b) -> requirePartner(b, name, as, A));
      if (as.isEmpty()) {
        throw ErrorDetails.file(file.path())
            .wrong("tensors %s<module>%s".formatted(BEFORE, A), "none");
      }
      config.requireTargets(as.keySet());
      Map<String, Integer> ranks = config.ranks(as.keySet());
      Map<String, Double> alphas = config.alphas(as.keySet());
      Map<String, LinearModule> byName = new HashMap<>();
      model.modules().forEach(module -> byName.put(module.name(), module));
      Set<String> taken = new HashSet<>();
      List<LoraModule> modules = new ArrayList<>();
      as.forEach(
          (name, a) -> {
            LinearModule module = find(name, a, byName);
            if (!taken.add(module.name())) {
              throw wrong(a, "one pair for each module", "a second one for " + module.name());
            }
            int rank = ranks.get(name);
            float scale =
                (float) (alphas.get(name) / (config.rootScaled() ? Math.sqrt(rank) : rank));
            modules.add(checked(new LoraModule(module, file, a, bs.get(name), rank, scale)));
          });
      modules.sort(Comparator.comparing(pair -> pair.module().name(), TensorNames.ORDER));
      return modules;
    }

    private void sort(TensorInfo tensor, Map<String, TensorInfo> as, Map<String, TensorInfo> bs) {
      String name = tensor.name();
      boolean first = name.endsWith(A);
      String end = first ? A : B;
      if (!name.startsWith(BEFORE)
          || !name.endsWith(end)
          || name.length() <= BEFORE.length() + end.length()) {
        throw wrong(
            tensor,
            "%s<module>%s or %s of a linear layer".formatted(BEFORE, A, B.substring(1)),
            "another name");
      }
      (first ? as : bs).put(name.substring(BEFORE.length(), name.length() - end.length()), tensor);
    }

    private void requirePartner(
        TensorInfo tensor, String name, Map<String, TensorInfo> others, String end) {
      if (!others.containsKey(name)) {
        throw wrong(tensor, "its pair " + BEFORE + Printable.of(name) + end, "none");
      }
    }

    private LinearModule find(String name, TensorInfo a, Map<String, LinearModule> byName) {
      Stream<String> without =
          BASES.stream().filter(name::startsWith).map(base -> name.substring(base.length()));
      Stream<String> with = BASES.stream().map(base -> base + name);
      List<LinearModule> found =
          Stream.of(Stream.of(name), without, with)
              .flatMap(names -> names)
              .filter(byName::containsKey)
              .map(byName::get)
              .toList();
      if (found.size() != 1) {
        throw wrong(
            a,
            "a linear module of a decoder block of " + Printable.of(model.path()),
            found.isEmpty() ? "none of that name" : "%d of that name".formatted(found.size()));
      }
      return found.getFirst();
    }

    private LoraModule checked(LoraModule pair) {
      LinearModule module = pair.module();
      if (!module.isPlain()) {
        throw module
            .place()
            .wrong("F32, F16 or BF16 to merge", Printable.of(module.tensor().dtype()));
      }
      requireShape(pair.a(), List.of((long) pair.rank(), (long) module.columns()));
      requireShape(pair.b(), List.of((long) module.rows(), (long) pair.rank()));
      return pair;
    }

    private void requireShape(TensorInfo tensor, List<Long> shape) {
      if (!tensor.shape().equals(shape) || tensor.type().isEmpty()) {
        throw wrong(
            tensor,
            "F32, F16 or BF16 " + shape,
            "%s %s".formatted(Printable.of(tensor.dtype()), tensor.shape()));
      }
    }

    private InputException wrong(TensorInfo tensor, String expected, String found) {
      return ErrorDetails.tensor(file.path(), tensor.name()).wrong(expected, found);
    }
  }
}
