%% SPDX-License-Identifier: Apache-2.0
%% The hook that OTP's suites name; OTP's own prepares a machine of its test farm.
%%
%% Tells the epmd that is started which case it is for. Notes after each case how it ended,
%% and what its epmd answered to INFO_REQ, which only ours knows.
-module(ts_install_cth).
-export([init/2, pre_init_per_testcase/4, pre_end_per_testcase/4]).

-define(PORT, 2243).

init(_Id, Options) ->
    {ok, Options}.

pre_init_per_testcase(_Suite, Case, Config, State) ->
    os:putenv("EPMD_TEST_CASE", atom_to_list(Case)),
    {Config, State}.

pre_end_per_testcase(_Suite, Case, Config, State) ->
    Status = proplists:get_value(tc_status, Config),
    Line = io_lib:format("~s ~0p ~s~n", [Case, Status, info()]),
    ok = file:write_file(os:getenv("EPMD_TEST_NOTES"), Line, [append]),
    {Config, State}.

info() ->
    case gen_tcp:connect("localhost", ?PORT, [binary, {active, false}]) of
        {ok, Socket} ->
            ok = gen_tcp:send(Socket, <<0, 1, $i>>),
            Reply = gen_tcp:recv(Socket, 0, 10000),
            gen_tcp:close(Socket),
            case Reply of
                {ok, _} -> "ours";
                {error, Reason} -> Reason
            end;
        {error, Reason} ->
            Reason
    end.
