package io.github.wandacuda.checkpoint.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** A small model's keys and tensors, to be changed and written to another file. */
final class EditedGguf {
  private final Map<String, GgufValue> keys;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /** A tensor's type, shape, outermost size first, and bytes. */
  record Tensor(GgufType type, List<Long> shape, byte[] bytes) {
    /** Returns zeros. */
    static Tensor zeros(GgufType type, long... shape) {
      List<Long> sizes = new ArrayList<>();
      long elements = 1;
      for (long size : shape) {
        sizes.add(size);
        elements *= size;
      }
      return new Tensor(type, sizes, new byte[Math.toIntExact(type.bytes(elements))]);
    }
  }

  private EditedGguf(Map<String, GgufValue> keys) {
    this.keys = new LinkedHashMap<>(keys);
  }

  static EditedGguf of(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      byte[] bytes = Files.readAllBytes(path);
      EditedGguf model = new EditedGguf(file.header().keys());
      for (GgufTensor tensor : file.header().tensors()) {
        int begin = Math.toIntExact(file.header().dataOffset() + tensor.begin());
        byte[] own = new byte[Math.toIntExact(tensor.bytes())];
        System.arraycopy(bytes, begin, own, 0, own.length);
        model.tensors.put(tensor.name(), new Tensor(tensor.type(), tensor.shape(), own));
      }
      return model;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  EditedGguf key(String name, GgufValue value) {
    keys.put(name, value);
    return this;
  }

  EditedGguf key(String name, int value) {
    return key(name, GgufValue.of(value));
  }

  /** Returns a key's value. */
  GgufValue key(String name) {
    return Objects.requireNonNull(keys.get(name), name);
  }

  EditedGguf withoutKey(String name) {
    Objects.requireNonNull(keys.remove(name), name);
    return this;
  }

  EditedGguf tensor(String name, Tensor tensor) {
    tensors.put(name, tensor);
    return this;
  }

  /** Puts zeros of the same type in a tensor's place. */
  EditedGguf shaped(String name, long... shape) {
    return typed(name, Objects.requireNonNull(tensors.get(name), name).type(), shape);
  }

  EditedGguf typed(String name, GgufType type, long... shape) {
    return tensor(name, Tensor.zeros(type, shape));
  }

  EditedGguf withoutTensor(String name) {
    Objects.requireNonNull(tensors.remove(name), name);
    return this;
  }

  /** Puts the same tensor under another name, behind all others. */
  EditedGguf copied(String name, String other) {
    return tensor(other, Objects.requireNonNull(tensors.get(name), name));
  }

  /** Returns the names of the tensors that begin with a text. */
  List<String> names(String begin) {
    return tensors.keySet().stream().filter(name -> name.startsWith(begin)).toList();
  }

  /** Calls a tensor otherwise, behind all others. */
  EditedGguf renamed(String name, String other) {
    return tensor(other, Objects.requireNonNull(tensors.remove(name), name));
  }

  byte[] bytes() {
    int alignment = 32;
    List<GgufTensor> infos = new ArrayList<>();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    tensors.forEach(
        (name, tensor) -> {
          infos.add(new GgufTensor(name, tensor.type(), tensor.shape(), data.size()));
          data.writeBytes(tensor.bytes());
          data.writeBytes(new byte[-data.size() & alignment - 1]);
        });
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(new GgufHeader(3, keys, infos, alignment, 0).bytes());
    all.writeBytes(data.toByteArray());
    return all.toByteArray();
  }
}
