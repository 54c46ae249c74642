package io.github.wandacuda.checkpoint.gguf;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/**
 * Writes a {@code tokenizer.json} of Hugging Face's library, version 0.20 or later.
 *
 * @param json what is written to
 * @param vocabulary the tokens
 */
record TokenizerWriter(JsonGenerator json, GgufVocabulary vocabulary) {
  /** Bytes as characters that can be seen, as GPT-2 has them. */
  private static final String BYTE_LEVEL =
      """
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}\
      """;

  private static final String PREPENDED =
      """
      {"type": "Prepend", "prepend": "▁"}\
      """;

  private static final String SPACES =
      """
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}\
      """;

  private static final List<String> DECODED_PIECES =
      List.of(
          """
          {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}\
          """,
          "{\"type\": \"ByteFallback\"}",
          "{\"type\": \"Fuse\"}");

  private static final String STRIPPED =
      """
      {"type": "Strip", "content": " ", "start": 1, "stop": 0}\
      """;

  /**
   * Begins the object, with the tokens that are found before a text is cut, and those that are put
   * around it.
   *
   * @param bos the token before a text, or nothing
   * @param eos the token behind it, or nothing
   */
  void begin(OptionalInt bos, OptionalInt eos) throws IOException {
    json.writeStartObject();
    json.writeArrayFieldStart("added_tokens");
    for (Map.Entry<String, Integer> token : vocabulary.ids().entrySet()) {
      if (vocabulary.isWhole(token.getValue())) {
        added(token.getKey(), token.getValue());
      }
    }
    json.writeEndArray();
    if (bos.isPresent() || eos.isPresent()) {
      around(bos, eos);
    }
  }

  private void added(String text, int id) throws IOException {
    json.writeStartObject();
    json.writeNumberField("id", id);
    json.writeStringField("content", text);
    json.writeBooleanField("special", vocabulary.isSpecial(id));
    for (String never : List.of("single_word", "lstrip", "rstrip", "normalized")) {
      json.writeBooleanField(never, false);
    }
    json.writeEndObject();
  }

  private void around(OptionalInt bos, OptionalInt eos) throws IOException {
    json.writeObjectFieldStart("post_processor");
    json.writeStringField("type", "TemplateProcessing");
    json.writeArrayFieldStart("single");
    special(bos);
    part("Sequence", "A");
    special(eos);
    json.writeEndArray();
    json.writeArrayFieldStart("pair");
    part("Sequence", "A");
    part("Sequence", "B");
    json.writeEndArray();
    json.writeObjectFieldStart("special_tokens");
    // The same one may stand before a text and behind it.
    Set<Integer> tokens = new TreeSet<>();
    bos.ifPresent(tokens::add);
    eos.ifPresent(tokens::add);
    for (int id : tokens) {
      String text = vocabulary.text(id);
      json.writeObjectFieldStart(text);
      json.writeStringField("id", text);
      json.writeFieldName("ids");
      json.writeArray(new int[] {id}, 0, 1);
      json.writeFieldName("tokens");
      json.writeArray(new String[] {text}, 0, 1);
      json.writeEndObject();
    }
    json.writeEndObject();
    json.writeEndObject();
  }

  private void special(OptionalInt token) throws IOException {
    if (token.isPresent()) {
      part("SpecialToken", vocabulary.text(token.getAsInt()));
    }
  }

  /** Writes a part of what a text becomes. */
  private void part(String kind, String id) throws IOException {
    json.writeStartObject();
    json.writeObjectFieldStart(kind);
    json.writeStringField("id", id);
    json.writeNumberField("type_id", 0);
    json.writeEndObject();
    json.writeEndObject();
  }

  /** Writes byte-pair encoding of the bytes of pieces. */
  void bytePairs(GgufPreTokenizer pieces, Collection<GgufMerges.Merge> merges) throws IOException {
    json.writeObjectFieldStart("pre_tokenizer");
    json.writeStringField("type", "Sequence");
    json.writeArrayFieldStart("pretokenizers");
    for (String expression : pieces.split()) {
      json.writeStartObject();
      json.writeStringField("type", "Split");
      json.writeObjectFieldStart("pattern");
      json.writeStringField("Regex", expression);
      json.writeEndObject();
      json.writeStringField("behavior", "Isolated");
      json.writeBooleanField("invert", false);
      json.writeEndObject();
    }
    json.writeRawValue(BYTE_LEVEL);
    json.writeEndArray();
    json.writeEndObject();
    json.writeFieldName("decoder");
    json.writeRawValue(BYTE_LEVEL);
    json.writeObjectFieldStart("model");
    json.writeBooleanField("ignore_merges", pieces.wholePieces());
    model(merges);
  }

  /**
   * Writes SentencePiece as byte-pair encoding of a whole text, whose spaces are made visible.
   *
   * @param spaceInFront whether a text gets a space in front
   * @param unknown the token for characters that neither a piece nor bytes stand for, or nothing
   */
  void sentencePiece(boolean spaceInFront, OptionalInt unknown, Collection<GgufMerges.Merge> merges)
      throws IOException {
    sequence("normalizer", spaceInFront ? List.of(PREPENDED, SPACES) : List.of(SPACES));
    List<String> decoded = new ArrayList<>(DECODED_PIECES);
    if (spaceInFront) {
      decoded.add(STRIPPED);
    }
    sequence("decoder", decoded);
    json.writeObjectFieldStart("model");
    json.writeBooleanField("byte_fallback", true);
    json.writeBooleanField("fuse_unk", true);
    if (unknown.isPresent()) {
      json.writeStringField("unk_token", vocabulary.text(unknown.getAsInt()));
    }
    model(merges);
  }

  private void sequence(String name, List<String> parts) throws IOException {
    json.writeFieldName(name);
    json.writeRawValue(
        "{\"type\": \"Sequence\", \"%ss\": [%s]}".formatted(name, String.join(", ", parts)));
  }

  /** Writes what both kinds of models have, and ends the model. */
  private void model(Collection<GgufMerges.Merge> merges) throws IOException {
    json.writeStringField("type", "BPE");
    json.writeObjectFieldStart("vocab");
    for (Map.Entry<String, Integer> token : vocabulary.ids().entrySet()) {
      json.writeNumberField(token.getKey(), token.getValue());
    }
    json.writeEndObject();
    json.writeArrayFieldStart("merges");
    for (GgufMerges.Merge merge : merges) {
      json.writeArray(new String[] {merge.left(), merge.right()}, 0, 2);
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  /** Ends the object. */
  void end() throws IOException {
    json.writeEndObject();
  }
}
