package io.github.wandacuda.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.NamePatterns;
import io.github.wandacuda.system.OnFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/**
 * A LoRA adapter in the directory that PEFT's {@code save_pretrained} wrote, open for reading.
 *
 * @param config its {@code adapter_config.json}
 * @param file its {@code adapter_model.safetensors}
 * @param modules the modules that it changes, in code-point order of their names
 */
public record LoraAdapter(AdapterConfig config, SafetensorsFile file, List<LoraModule> modules)
    implements AutoCloseable {
  /** The name of the file with the adapter's tensors. */
  public static final String WEIGHTS = "adapter_model.safetensors";

  private static final String PICKLED = "adapter_model.bin";

  public LoraAdapter {
    modules = List.copyOf(modules);
  }

  /** Opens an adapter and finds its modules in a model, which have to fit. */
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
        () -> new LoraAdapter(config, file, new LoraPairs(config, file, model).modules()));
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

    /** Returns the modules that it changes, in code-point order; refuses a tensor of no pair. */
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
      Map<String, Integer> ranks =
          config.values("rank_pattern", config.ranks, config.rank, as.keySet());
      Map<String, Double> alphas =
          config.values("alpha_pattern", config.alphas, config.alpha, as.keySet());
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
        throw wrong(tensor, "F32, F16 or BF16 " + shape, tensor.what());
      }
    }

    private InputException wrong(TensorInfo tensor, String expected, String found) {
      return ErrorDetails.tensor(file.path(), tensor.name()).wrong(expected, found);
    }
  }

  /**
   * The {@code adapter_config.json} of a LoRA adapter, as PEFT writes it.
   *
   * <p>A key that changes what the adapter computes and isn't understood here is an error: merged
   * without it, the weights would be silently wrong. Keys of training alone are passed over, and so
   * is any other key whose value switches nothing on: null, false, 0 or empty.
   *
   * @param rank {@code r}, the rank of a module that no pattern names
   * @param alpha {@code lora_alpha}, likewise
   * @param rootScaled {@code use_rslora}: the scale is α/√r in place of α/r
   * @param targets {@code target_modules}: names or ends of names; empty if it says nothing
   * @param targetPattern {@code target_modules} as one expression for whole names, or null
   * @param ranks {@code rank_pattern}: from an expression for a name, or its end, to a rank; the
   *     first that matches counts
   * @param alphas {@code alpha_pattern}: likewise to an α
   */
  record AdapterConfig(
      Path file,
      int rank,
      double alpha,
      boolean rootScaled,
      List<String> targets,
      String targetPattern,
      Map<String, Integer> ranks,
      Map<String, Double> alphas) {
    /** The file's name in an adapter's directory. */
    public static final String FILE_NAME = "adapter_config.json";

    private static final String AGAIN = "take it again from where the adapter came from";

    /** Keys that are read here. */
    private static final Set<String> READ =
        Set.of(
            ("peft_type r lora_alpha use_rslora fan_in_fan_out target_modules rank_pattern "
                    + "alpha_pattern bias init_lora_weights")
                .split(" "));

    /** Keys of training, and of where the adapter came from. */
    private static final Set<String> PASSED_OVER =
        Set.of(
            ("auto_mapping base_model_name_or_path revision task_type inference_mode "
                    + "lora_dropout layers_to_transform layers_pattern exclude_modules megatron_core "
                    + "qalora_group_size eva_config peft_version")
                .split(" "));

    /** How A and B may have begun. The other ways that PEFT has change the model's own weights. */
    private static final Set<String> HARMLESS_STARTS =
        Set.of("true", "false", "gaussian", "eva", "orthogonal");

    public AdapterConfig {
      targets = List.copyOf(targets);
      ranks = new LinkedHashMap<>(ranks);
      alphas = new LinkedHashMap<>(alphas);
    }

    /** Reads {@code directory/adapter_config.json}; refuses what can't be merged. */
    public static AdapterConfig read(Path directory) {
      Path file = directory.resolve(FILE_NAME);
      return of(new ModelConfig(file, root(file)));
    }

    private static JsonNode root(Path file) {
      try {
        return JsonTree.object(file, AGAIN);
      } catch (NoSuchFileException e) {
        throw ErrorDetails.file(file)
            .hint("name the folder that PEFT's save_pretrained wrote")
            .wrong("an adapter's " + FILE_NAME, "no such file", e);
      }
    }

    private static AdapterConfig of(ModelConfig config) {
      refuseOthers(config);
      requireText(config, "peft_type", "LORA");
      config.find("bias").ifPresent(bias -> requireText(config, "bias", "none"));
      config.find("init_lora_weights").ifPresent(start -> requireHarmless(config, start));
      // The model's own layout decides, as in PEFT; see LoraModule.
      boolean unusedLayout = config.flag("fan_in_fan_out", false);
      JsonNode targets = config.find("target_modules").orElse(null);
      boolean pattern = targets != null && targets.isTextual();
      return new AdapterConfig(
          config.file(),
          rank(config, "r", required(config, "r")),
          alpha(config, "lora_alpha", required(config, "lora_alpha")),
          config.flag("use_rslora", false),
          pattern ? List.of() : names(config),
          pattern ? targets.textValue() : null,
          table(config, "rank_pattern", AdapterConfig::rank),
          table(config, "alpha_pattern", AdapterConfig::alpha));
    }

    private static void refuseOthers(ModelConfig config) {
      for (Map.Entry<String, JsonNode> entry : config.root().properties()) {
        String key = entry.getKey();
        if (!READ.contains(key) && !PASSED_OVER.contains(key) && isOn(entry.getValue())) {
          ErrorDetails wrong = config.wrong(Printable.of(key), "none", entry.getValue()).details();
          throw new InputException(wrong.hint("an adapter with it can't be merged here"));
        }
      }
    }

    private static boolean isOn(JsonNode value) {
      return switch (value.getNodeType()) {
        case NULL, MISSING -> false;
        case BOOLEAN -> value.booleanValue();
        case ARRAY, OBJECT -> !value.isEmpty();
        case NUMBER -> value.doubleValue() != 0;
        default -> !value.asText().isEmpty();
      };
    }

    private static void requireText(ModelConfig config, String key, String expected) {
      JsonNode value = required(config, key);
      if (!value.isTextual() || !value.textValue().equals(expected)) {
        throw config.wrong(key, expected, value);
      }
    }

    private static void requireHarmless(ModelConfig config, JsonNode start) {
      if (!HARMLESS_STARTS.contains(start.asText())) {
        throw new InputException(
            config
                .wrong("init_lora_weights", "a start that leaves the model's own weights", start)
                .details()
                .hint(
                    "let PEFT convert it: save_pretrained with"
                        + " path_initial_model_for_weight_conversion"));
      }
    }

    private static JsonNode required(ModelConfig config, String key) {
      return config
          .find(key)
          .orElseThrow(
              () -> ErrorDetails.part(config.file(), key).hint(AGAIN).wrong("a value", "nothing"));
    }

    private static int rank(ModelConfig config, String key, JsonNode value) {
      if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 1) {
        throw config.wrong(key, "a rank of 1 or more", value);
      }
      return value.intValue();
    }

    private static double alpha(ModelConfig config, String key, JsonNode value) {
      if (!value.isNumber() || !Float.isFinite((float) value.doubleValue())) {
        throw config.wrong(key, "a number of float32's range", value);
      }
      return value.doubleValue();
    }

    private static List<String> names(ModelConfig config) {
      List<String> names = new ArrayList<>();
      for (JsonNode name : config.list("target_modules")) {
        if (!name.isTextual()) {
          throw config.wrong("target_modules", "names of modules", name);
        }
        names.add(name.textValue());
      }
      return names;
    }

    /** Reads an object of which {@code reading} makes each value. */
    private static <T> Map<String, T> table(ModelConfig config, String key, Reading<T> reading) {
      Map<String, T> table = new LinkedHashMap<>();
      JsonNode object = config.find(key).orElse(NullNode.getInstance());
      if (!object.isObject() && !object.isNull()) {
        throw config.wrong(key, "an object", object);
      }
      object
          .properties()
          .forEach(entry -> table.put(entry.getKey(), reading.of(config, key, entry.getValue())));
      return table;
    }

    private interface Reading<T> {
      T of(ModelConfig config, String key, JsonNode value);
    }

    /** Checks that {@code target_modules} names them: PEFT would not load others' tensors. */
    void requireTargets(Collection<String> names) {
      Map<String, Pattern> found = Map.of();
      if (targetPattern != null) {
        Pattern whole = compile("target_modules", targetPattern, targetPattern);
        found = matches("target_modules", List.of(whole), names);
      }
      for (String name : names) {
        if (!found.containsKey(name) && !isListed(name)) {
          throw ErrorDetails.part(file, "target_modules")
              .wrong("the adapter's module " + Printable.of(name), "none that it matches");
        }
      }
    }

    private boolean isListed(String name) {
      return targetPattern == null
          && (targets.isEmpty()
              || targets.stream()
                  .anyMatch(target -> name.equals(target) || name.endsWith("." + target)));
    }

    /**
     * Returns each module's value. By PEFT's rule a key of {@code rank_pattern} or {@code
     * alpha_pattern} is a regular expression for a whole name or for its end behind a dot, and the
     * first key that matches counts.
     */
    <T> Map<String, T> values(
        String key, Map<String, T> table, T otherwise, Collection<String> names) {
      Map<Pattern, T> valueOf = new LinkedHashMap<>();
      table.forEach(
          (text, value) -> valueOf.put(compile(key, "(?:.*\\.)?(?:" + text + ")", text), value));
      Map<String, Pattern> found = matches(key, valueOf.keySet(), names);
      Map<String, T> values = new HashMap<>();
      names.forEach(
          name ->
              values.put(name, found.containsKey(name) ? valueOf.get(found.get(name)) : otherwise));
      return values;
    }

    private Pattern compile(String key, String expression, String shown) {
      try {
        return NamePatterns.compile(expression);
      } catch (PatternSyntaxException e) {
        throw ErrorDetails.part(file, key).wrong("regular expressions", Printable.of(shown), e);
      }
    }

    private Map<String, Pattern> matches(
        String key, Collection<Pattern> patterns, Collection<String> names) {
      if (patterns.isEmpty()) {
        return Map.of();
      }
      try {
        return NamePatterns.firstMatches(ErrorDetails.part(file, key), patterns, names);
      } catch (UsageException e) {
        throw ErrorDetails.part(file, key)
            .wrong("expressions that match or not in a few seconds", "none such", e);
      }
    }
  }
}
