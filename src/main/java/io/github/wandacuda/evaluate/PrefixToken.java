package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.text.InputFailures;
import io.github.wandacuda.text.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/** The token that stands for an empty context: BOS if the model has one, else EOS. */
public final class PrefixToken {
  private static final List<String> ALL = List.of("bos", "eos");

  private final ModelDirectory model;
  private final Tokenizer tokenizer;

  private PrefixToken(ModelDirectory model, Tokenizer tokenizer) {
    this.model = model;
    this.tokenizer = tokenizer;
  }

  /**
   * Finds the token by {@code tokenizer_config.json}, or, if that names none, by {@code
   * config.json}.
   *
   * @param bos whether BOS may be taken
   * @return its id; -1 if the model has neither, so that no context may be empty
   */
  static int of(ModelDirectory model, Tokenizer tokenizer, boolean bos) {
    List<String> kinds = bos ? ALL : ALL.subList(1, ALL.size());
    PrefixToken search = new PrefixToken(model, tokenizer);
    JsonNode config = search.tokenizerConfig();
    for (String kind : kinds) {
      OptionalInt id = search.named(config.path(kind + "_token"));
      if (id.isPresent()) {
        return id.getAsInt();
      }
    }
    return kinds.stream()
        .map(kind -> model.config().root().path(kind + "_token_id"))
        .map(id -> id.isArray() ? id.path(0) : id)
        .filter(id -> id.isInt() && id.intValue() >= 0)
        .mapToInt(JsonNode::intValue)
        .findFirst()
        .orElse(-1);
  }

  /**
   * Returns the token that ends a document, EOS.
   *
   * @throws InputException if the model has none
   */
  public static int end(ModelDirectory model, Tokenizer tokenizer) {
    int end = of(model, tokenizer, false);
    if (end < 0) {
      throw ErrorDetails.file(model.config().file())
          .wrong("an eos_token_id, or an eos_token in tokenizer_config.json", "neither");
    }
    return end;
  }

  private JsonNode tokenizerConfig() {
    Path file = model.path().resolve("tokenizer_config.json");
    try (InputStream in = InputFile.stream(file)) {
      return JsonTree.read(in);
    } catch (NoSuchFileException e) {
      return MissingNode.getInstance();
    } catch (JsonProcessingException e) {
      throw InputFailures.notJson(ErrorDetails.file(file), e);
    } catch (IOException e) {
      throw InputFailures.unreadable(file, e);
    }
  }

  /** Returns the id of a token that is given as a string or an object. */
  private OptionalInt named(JsonNode token) {
    JsonNode text = token.isObject() ? token.path("content") : token;
    if (!text.isTextual() || text.textValue().isEmpty()) {
      return OptionalInt.empty();
    }
    int[] ids = tokenizer.encode(text.textValue(), false);
    return ids.length == 1 ? OptionalInt.of(ids[0]) : OptionalInt.empty();
  }
}
