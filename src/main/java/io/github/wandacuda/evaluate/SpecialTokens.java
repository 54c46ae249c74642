package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.text.Tokenizer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/** The tokens with which texts begin and end. */
public final class SpecialTokens {
  private static final String KEY = "eos_token_id";
  private static final List<String> ALL = List.of("bos", "eos");

  private SpecialTokens() {}

  /**
   * Finds the token that stands for an empty context, BOS if the model has one, else EOS: by the
   * {@code tokenizer_config.json} beside its tokenizer, or, if that names none, by {@code
   * config.json}.
   *
   * @param bos whether BOS may be taken
   * @return its id; -1 if the model has neither, so that no context may be empty
   */
  static int prefix(ModelDirectory model, Tokenizer tokenizer, boolean bos) {
    List<String> kinds = bos ? ALL : ALL.subList(1, ALL.size());
    JsonNode config =
        model.tokenizer().config().map(SpecialTokens::read).orElseGet(MissingNode::getInstance);
    for (String kind : kinds) {
      OptionalInt id = named(tokenizer, config.path(kind + "_token"));
      if (id.isPresent()) {
        return id.getAsInt();
      }
    }
    return configured(model.config(), kinds).orElse(-1);
  }

  /** Returns the token by which texts begin (BOS), or nothing if {@code config.json} names none. */
  public static OptionalInt begin(ModelConfig config) {
    return configured(config, List.of("bos"));
  }

  private static OptionalInt configured(ModelConfig config, List<String> kinds) {
    return kinds.stream()
        .map(kind -> config.root().path(kind + "_token_id"))
        .map(id -> id.isArray() ? id.path(0) : id)
        .filter(id -> id.isInt() && id.intValue() >= 0)
        .mapToInt(JsonNode::intValue)
        .findFirst();
  }

  /**
   * Returns the token that ends a document, EOS.
   *
   * @throws InputException if neither {@code tokenizer_config.json} nor {@code config.json} names
   *     one
   */
  public static int end(ModelDirectory model, Tokenizer tokenizer) {
    int end = prefix(model, tokenizer, false);
    if (end < 0) {
      throw ErrorDetails.file(model.config().file())
          .wrong("an eos_token_id, or an eos_token in tokenizer_config.json", "neither");
    }
    return end;
  }

  private static JsonNode read(Path file) {
    try {
      return JsonTree.object(file, null);
    } catch (NoSuchFileException e) {
      return MissingNode.getInstance();
    }
  }

  /**
   * Returns the id of a token that is given as a string, or as an object with that as {@code
   * content}; nothing if it isn't one token.
   */
  private static OptionalInt named(Tokenizer tokenizer, JsonNode token) {
    JsonNode text = token.isObject() ? token.path("content") : token;
    if (!text.isTextual() || text.textValue().isEmpty()) {
      return OptionalInt.empty();
    }
    int[] ids = tokenizer.encode(text.textValue(), false);
    return ids.length == 1 ? OptionalInt.of(ids[0]) : OptionalInt.empty();
  }

  /**
   * Returns the tokens that end a text: {@code eos_token_id} of {@code generation_config.json} if
   * it names any, else of {@code config.json}; one id or a list of them.
   *
   * @throws InputException if a file can't be read or the value is something else
   */
  public static Set<Integer> ends(ModelConfig config) {
    Path file = config.file().resolveSibling("generation_config.json");
    Set<Integer> ids = ids(file, read(file));
    return ids.isEmpty() ? ids(config.file(), config.root()) : ids;
  }

  private static Set<Integer> ids(Path file, JsonNode root) {
    JsonNode value = root.path(KEY);
    Set<Integer> ids = new LinkedHashSet<>();
    if (!value.isMissingNode() && !value.isNull()) {
      (value.isArray() ? value : List.of(value)).forEach(element -> ids.add(id(file, element)));
    }
    return ids;
  }

  private static int id(Path file, JsonNode value) {
    if (!value.isInt()) {
      throw ErrorDetails.part(file, KEY)
          .wrong("a token id or a list of them", Printable.of(value.toString()));
    }
    return value.intValue();
  }
}
