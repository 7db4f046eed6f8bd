/// Any bytes are a PNG or JPEG picture or an `InputError`; a picture has the pixels that its size says.
func readFuzz(_ bytes: [UInt8]) throws {
  let path = fileInMemory(bytes)
  let (size, channels) = try ImageFile.header(path)
  // Large ones cost time, not memory: the sanitizer looks at every byte of them.
  guard size.height * size.width <= 1 << 16 else { return }
  let picture = try ImageFile.read(path)
  guard picture.size == size, picture.channels == channels, picture.pixels.count == size.height * size.width * channels
  else { fatalError("another size") }
  _ = picture.converted(channels: channels == 1 ? 3 : 1)
  _ = picture.resized(to: ImageSize(3, 5))
}
