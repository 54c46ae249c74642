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
 * What a model's files say about the format of its quantized weights: {@code quantization_config}
 * of its config, or ModelOpt's {@code hf_quant_config.json}.
 *
 * @param file which of the two says it
 * @param key where in the file
 * @param settings the object there
 * @param method {@code quant_method}, in lower case; empty if there is none
 */
public record Quantization(Path file, String key, JsonNode settings, String method) {
  /** The second one is the older key of compressed-tensors. */
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
   * Reads the settings.
   *
   * @param config the model's config file, beside which ModelOpt's file may lie
   * @param objects of the config that may have them: the model's own and its decoder's
   * @return nothing if the model has none, so that its weights aren't quantized
   * @throws InputException if a key's value isn't an object
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

  /** Returns whether weights of this method can be read. */
  public boolean isRead() {
    return READ.contains(method);
  }

  /** Returns the failure of a method that can't be read, for the caller to throw. */
  public InputException unread() {
    return ErrorDetails.part(file, key + ".quant_method")
        .hint("inspecting and removing whole experts work")
        .wrong(
            "weights in a format that can be read",
            Printable.of(settings.path("quant_method").asText(settings.toString())));
  }

  /**
   * Returns the failure of a setting, for the caller to throw.
   *
   * @param setting its path below {@link #key}
   * @param expected what it should be
   * @param found its value; a missing node for none
   */
  public InputException wrong(String setting, String expected, JsonNode found) {
    String text = found.isMissingNode() ? "nothing" : Printable.of(found.toString());
    return ErrorDetails.part(file, key + "." + setting).wrong(expected, text);
  }

  /**
   * Reads a whole number from 1 on.
   *
   * @param object of the settings
   * @param setting its key
   * @param otherwise the number if the key is absent
   * @throws InputException for any other value
   */
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

  /**
   * Reads the size of blocks that share a scale.
   *
   * @return rows and columns; nothing if there is no such setting
   * @throws InputException for any other value than two whole numbers from 1 on
   */
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

  /**
   * Returns whether a list of modules that aren't quantized names a module.
   *
   * @param module its full name
   * @param search finds names by the lists' patterns
   */
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
   * Returns whether an entry of a list names a module. Whole parts of a path are compared: by its
   * beginning alone, {@code mlp.gate} would name {@code mlp.gate_proj}, too.
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
   * Finds the group of compressed-tensors' settings for a module: the first group that names it,
   * else the one for all linear modules.
   *
   * @param module its full name
   * @param search finds names by the groups' patterns
   * @return nothing if no group is for the module
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
