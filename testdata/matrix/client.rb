require "net/ssh"
require "net/sftp"
port, user, key, file, remote, back = ARGV
Net::SSH.start("127.0.0.1", user, port: port.to_i, keys: [key], keys_only: true, auth_methods: ["publickey"], verify_host_key: :never, config: false) do |c|
  status, text = nil, +""
  c.open_channel do |ch|
    ch.exec("echo there; exit 7") do
      ch.on_data { |_, d| text << d }
      ch.on_request("exit-status") { |_, d| status = d.read_long }
    end
  end
  c.loop
  raise "#{text.inspect}, #{status}" unless text == "there\n" && status == 7
  c.sftp.upload!(file, remote)
  c.sftp.download!(remote, back)
end
