package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.Reason;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * The tokens that end a text: {@code eos_token_id} of {@code generation_config.json} if it names
 * any, else of {@code config.json}; one id or a list of them.
 */
public final class EndTokens {
  private static final String FILE = "generation_config.json";
  private static final String KEY = "eos_token_id";

  private EndTokens() {}

  /**
   * Returns a model's end tokens, none if it has none.
   *
   * @throws InputException if a file can't be read or the value is something else
   */
  public static Set<Integer> of(ModelConfig config) {
    Path file = config.file().resolveSibling(FILE);
    Set<Integer> ids = Files.exists(file) ? ids(file, read(file)) : Set.of();
    return ids.isEmpty() ? ids(config.file(), config.root()) : ids;
  }

  private static JsonNode read(Path file) {
    try (var in = InputFile.stream(file)) {
      return JsonTree.read(in);
    } catch (JsonProcessingException e) {
      throw ErrorDetails.file(file).wrong("JSON", Printable.of(e.getOriginalMessage()), e);
    } catch (IOException e) {
      throw ErrorDetails.file(file)
          .wrong("a generation_config.json", "that it can't be read: " + Reason.of(e), e);
    }
  }

  private static Set<Integer> ids(Path file, JsonNode root) {
    JsonNode value = root.path(KEY);
    Set<Integer> ids = new LinkedHashSet<>();
    if (value.isArray()) {
      value.forEach(element -> ids.add(id(file, element)));
    } else if (!value.isMissingNode() && !value.isNull()) {
      ids.add(id(file, value));
    }
    return ids;
  }

  private static int id(Path file, JsonNode value) {
    if (!value.isInt()) {
      throw ErrorDetails.file(file)
          .part(KEY)
          .wrong("a token id or a list of them", Printable.of(value.toString()));
    }
    return value.intValue();
  }
}
