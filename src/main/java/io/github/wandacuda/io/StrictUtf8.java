package io.github.wandacuda.io;

import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Reads UTF-8 and refuses other bytes, which a reader would replace otherwise. */
final class StrictUtf8 {
  private StrictUtf8() {}

  /** Returns a reader that throws a CharacterCodingException where there is no UTF-8. */
  static Reader reader(InputStream stream) {
    return new InputStreamReader(
        stream,
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT));
  }
}
