package io.github.wandacuda.io.checkpoint;

import java.nio.charset.StandardCharsets;

/** What a file that is no safetensors file begins like. */
enum OtherFormat {
  GGUF("GGUF", "a GGUF file"),
  ZIP("PK", "a zip archive, as PyTorch's .pt and .bin files are"),
  GZIP("\u001f\u008b", "compressed by gzip"),
  PICKLE("\u0080\u0002", "a Python pickle, as old .bin files are"),
  JSON("{", "a JSON text");

  private final String start;
  private final String name;

  OtherFormat(String start, String name) {
    this.start = start;
    this.name = name;
  }

  /** Returns what the file seems to be and what to do about it, or null if that isn't known. */
  static String hint(byte[] head) {
    String text = new String(head, StandardCharsets.ISO_8859_1);
    for (OtherFormat format : values()) {
      if (text.startsWith(format.start)) {
        return "it begins like %s; name a .safetensors file".formatted(format.name);
      }
    }
    return "it was cut or changed, or is no safetensors file: copy or download it again";
  }
}
