package io.github.wandacuda.model.quantized;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonTree;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * What a model's files say of how its weights are quantized: {@code quantization_config} of its
 * config, or ModelOpt's {@code hf_quant_config.json}.
 *
 * @param method {@code quant_method}, in lower case
 */
public record Quantization(Path file, String key, JsonNode settings, String method) {
  /** The older second one is that of compressed-tensors. */
  private static final List<String> KEYS = List.of("quantization_config", "compression_config");

  private static final String MODELOPT = "modelopt";

  private static final Set<String> READ =
      Set.of(
          "fp8",
          "fbgemm_fp8",
          "compressed-tensors",
          MODELOPT,
          "modelopt_fp4",
          "modelopt_mixed",
          "mxfp4",
          "gptq",
          "awq");

  /** Lists of modules that aren't quantized, as each method calls them. */
  private static final List<String> LISTS =
      List.of("modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules");

  /**
   * Returns what is said, or nothing if nothing is.
   *
   * @param config the model's config
   * @param objects of it that may say it, the model's own and its decoder's
   */
  public static Optional<Quantization> of(Path config, List<JsonNode> objects) {
    for (JsonNode each : objects) {
      for (String key : KEYS) {
        JsonNode settings = each.path(key);
        if (settings.isObject()) {
          String method = settings.path("quant_method").asText("").toLowerCase(Locale.ROOT);
          return Optional.of(new Quantization(config, key, settings, method));
        }
        if (!settings.isMissingNode() && !settings.isNull()) {
          throw ErrorDetails.part(config, key)
              .wrong("an object", Printable.of(settings.toString()));
        }
      }
    }
    Path other = config.resolveSibling("hf_quant_config.json");
    try {
      JsonNode settings = JsonTree.object(other, null).path("quantization");
      return Optional.of(new Quantization(other, "quantization", settings, MODELOPT));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  public boolean isRead() {
    return READ.contains(method);
  }

  public InputException unread() {
    return ErrorDetails.part(file, key + ".quant_method")
        .hint("inspecting and removing whole experts work")
        .wrong(
            "weights in a format that can be read",
            Printable.of(settings.path("quant_method").asText(settings.toString())));
  }

  public InputException wrong(String setting, String expected, JsonNode found) {
    String text = found.isMissingNode() ? "nothing" : Printable.of(found.toString());
    return ErrorDetails.part(file, key + "." + setting).wrong(expected, text);
  }

  /** Returns a whole number from 1 on, or {@code otherwise} if there is none. */
  int positive(JsonNode object, String setting, int otherwise) {
    JsonNode value = object.path(setting);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!value.canConvertToInt() || value.intValue() < 1) {
      throw wrong(setting, "a whole number from 1 on", value);
    }
    return value.intValue();
  }

  /** Returns rows and columns of a block, or nothing if there is no such setting. */
  Optional<int[]> block(JsonNode object, String setting) {
    JsonNode value = object.path(setting);
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    int[] block = {value.path(0).asInt(0), value.path(1).asInt(0)};
    if (value.size() != 2 || block[0] < 1 || block[1] < 1) {
      throw wrong(setting, "rows and columns of a block", value);
    }
    return Optional.of(block);
  }

  /** Returns whether a list of modules that aren't quantized names a module. */
  boolean isLeftOut(String module, NamePatterns.Search search) {
    for (String list : LISTS) {
      for (JsonNode entry : settings.path(list)) {
        if (names(list, entry.asText(), module, search)) {
          return true;
        }
      }
    }
    return false;
  }

  /**
   * Compares whole parts of a path: by its beginning alone, {@code mlp.gate} would name {@code
   * mlp.gate_proj} too.
   */
  private boolean names(String list, String entry, String module, NamePatterns.Search search) {
    if (entry.startsWith("re:")) {
      return search.begins(pattern(list, entry.substring("re:".length())), module);
    }
    if (entry.indexOf('*') >= 0) {
      String glob = Pattern.quote(entry).replace("*", "\\E.*\\Q");
      return search.matches(pattern(list, glob + "(?:\\..*)?"), module);
    }
    return ("." + module + ".").contains("." + entry + ".");
  }

  private Pattern pattern(String list, String text) {
    try {
      return NamePatterns.compile(text);
    } catch (PatternSyntaxException e) {
      throw ErrorDetails.part(file, key + "." + list)
          .wrong("a regular expression behind re:", Printable.of(text), e);
    }
  }

  /**
   * Returns the group of settings of compressed-tensors that is a module's: the first that names
   * it, else the one of all linear modules.
   */
  Optional<JsonNode> group(String module, NamePatterns.Search search) {
    List<JsonNode> groups = new ArrayList<>();
    settings.path("config_groups").forEach(groups::add);
    for (JsonNode group : groups) {
      for (JsonNode target : group.path("targets")) {
        String text = target.asText();
        boolean named =
            text.startsWith("re:")
                ? search.begins(pattern("config_groups", text.substring("re:".length())), module)
                : text.equals(module);
        if (named) {
          return Optional.of(group);
        }
      }
    }
    return groups.stream()
        .filter(
            group -> group.path("targets").valueStream().anyMatch(t -> "Linear".equals(t.asText())))
        .findFirst();
  }
}
