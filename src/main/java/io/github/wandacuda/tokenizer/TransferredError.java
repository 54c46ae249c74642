package io.github.wandacuda.tokenizer;

import io.github.wandacuda.error.ErrorDetails;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * What a failure is about, on its way from the tokenizer's process: part after part, each a length
 * in bytes and UTF-8, or -1 where there is none.
 */
final class TransferredError {
  private static final int NONE = -1;

  private TransferredError() {}

  static void write(DataOutputStream out, ErrorDetails details) throws IOException {
    write(out, details.file());
    write(out, details.tensor());
    write(out, details.part());
    write(out, details.expected());
    write(out, details.found());
    write(out, details.said());
    write(out, details.hint());
  }

  static ErrorDetails read(DataInputStream in) throws IOException {
    return new ErrorDetails(text(in), text(in), text(in), text(in), text(in), text(in), text(in));
  }

  private static void write(DataOutputStream out, String text) throws IOException {
    if (text == null) {
      out.writeInt(NONE);
      return;
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  private static String text(DataInputStream in) throws IOException {
    int length = in.readInt();
    return length == NONE ? null : new String(in.readNBytes(length), StandardCharsets.UTF_8);
  }
}
